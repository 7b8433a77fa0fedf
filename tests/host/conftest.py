"""Plugins to run, and what a host says about them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import wat
from support.sandbox import forked_workers

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.host.imports.log import LogLine
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage

PLUGINS = Path(__file__).parents[2] / "plugins"
STORAGE = CapabilitySet.of([Capability("storage")])

ImageOf = Callable[..., PluginImage]


@pytest.fixture
def image_of(tmp_path: Path) -> ImageOf:
    """An image of some bytes: with storage granted, unless said otherwise, in a folder that is not there."""

    def make(
        wasm: bytes, *, name: str = "plugin", plugin_type: str = "tool", granted: CapabilitySet = STORAGE
    ) -> PluginImage:
        return PluginImage(name, plugin_type, wasm, granted, tmp_path / "data" / name)

    return make


@pytest.fixture
def text_tools(image_of: ImageOf) -> PluginImage:
    """The example plugin: text-stats, save-note; it imports log and storage."""
    return image_of((PLUGINS / "text-tools" / "plugin.wasm").read_bytes(), name="text-tools")


@pytest.fixture
def hostile(image_of: ImageOf) -> PluginImage:
    """The plugin whose tools mean harm (support.wat)."""
    return image_of(wat.lenient_tool(), name="hostile")


@pytest.fixture
def lines() -> list[LogLine]:
    """What the fixture `host` logged."""
    return []


@pytest.fixture
def host(lines: list[LogLine]) -> Iterator[PluginHost]:
    """A host whose calls may take a second."""
    with PluginHost(Limits(seconds=1.0), lines.append) as host:
        yield host


@pytest.fixture
def forked() -> Iterator[None]:
    """Have hosts fork their workers: for modules that test what plugins do, and not how workers start."""
    with forked_workers():
        yield
