"""A plugin to run, which its caller has verified (docs/trust-rules.md, rule 1)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.oauth import OAuth
from tarkpm.core.secret import Secret
from tarkpm.core.tool import ToolPin
from tarkpm.host.imports import Interface
from tarkpm.host.worker.legacy_abi.abi import is_core


class PluginImage(msgspec.Struct, frozen=True):
    """A verified module and its capabilities.

    Attributes:
        granted: the capabilities that are both granted by the user and declared by the manifest.
        data: the plugin's own folder, which need not exist yet.
        oauth: the manifest's sign-in settings, if it has any.
        sha256: the hex digest that ``wasm`` was just verified against; "" if it was not verified.
        file: the path the module was read from, for messages.
        tools: the pinned definitions of its tools; None if they are not pinned.
        unbound: the secrets that it declares and that the user bound to none of theirs.
    """

    name: str
    type: str
    wasm: bytes
    granted: CapabilitySet
    data: Path
    oauth: OAuth | None = None
    sha256: str = ""
    file: str = ""
    tools: tuple[ToolPin, ...] | None = None
    unbound: tuple[Secret, ...] = ()

    @property
    def abi(self) -> Literal["component", "core"]:
        """Return the kind of its module: a component, or a core module of the older tark ABI."""
        return "core" if is_core(self.wasm) else "component"

    @property
    def is_older(self) -> bool:
        """Return whether it uses the older tark ABI."""
        return self.abi == "core"


Used = Callable[["PluginImage", Mapping[Capability, int]], None]
"""Called with what a plugin used of its grants since the last time, and how often: seconds after it was used,
and when its process ends."""

Report = Callable[[str], None]
"""Called with a note about the plugin for the user, a sentence without a subject."""

Interfaces = Callable[[PluginImage, Report], Mapping[str, Interface]]
"""Creates the implementations of a plugin's host calls, by interface name ("http").

The host itself has `log`, `storage`, `clock` and `random`; all of these but `log` can be replaced. This is
called once for each worker, which also closes the interfaces. A granted interface without an implementation
is refused as "not available here".
"""
