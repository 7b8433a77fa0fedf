"""Big core modules are cut out of components, compiled once, and shared; whatever is odd stays where it is."""

import hashlib
import os
import random
from pathlib import Path

import pytest
from support import wat
from support.outlining import PADDING, Shelf, image, part, tool
from support.sandbox import Sandbox

from tarkpm.errors import HostError
from tarkpm.host.compile.entry import parts_of
from tarkpm.host.module import outline
from tarkpm.host.module.outline import outlined
from tarkpm.host.module.surface import read_surface


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline, "MIN_CODE", 100)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return Shelf(tmp_path / "cache", monkeypatch)


def other_tool() -> bytes:
    """Another plugin with the same part."""
    return tool() + b"\0\x02\x01y"


def test_a_part_is_compiled_once_for_two_plugins(shelf: Shelf, tmp_path: Path) -> None:
    one, two = image(tool(), "one", tmp_path), image(other_tool(), "two", tmp_path)
    assert part(one.wasm) == part(two.wasm)
    assert shelf.serves(one) == 2
    assert shelf.serves(two) == 1
    assert shelf.serves(one) == shelf.serves(two) == 0
    assert parts_of(shelf.entry(one.wasm)) == (hashlib.sha256(part(one.wasm)).hexdigest(),)


def test_without_sealed_memory_the_parts_are_sent(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    plugin = image(tool(), "one", tmp_path)
    assert shelf.serves(plugin) == 2
    assert shelf.serves(plugin) == 0


def test_its_surface_is_that_of_the_whole_module(shelf: Shelf) -> None:
    found = read_surface(tool(), shelf.cache, where="x")
    assert sorted(item.name for item in found.imports) == ["tark:plugin/log", "tark:plugin/storage"]
    assert found.fits == ("tool",)
    assert len(shelf.compiled) == 2


def test_a_module_that_is_invalid_is_reported_as_a_whole(shelf: Shelf, tmp_path: Path) -> None:
    wasm = tool()
    broken = wasm.replace(b"f7", b"g7", 1)  # what the memory module imports is not exported
    with pytest.raises(HostError) as caught:
        shelf.serves(image(broken, "one", tmp_path))
    assert caught.value.where == "one"
    assert shelf.compiled[-1] == broken


@pytest.mark.parametrize(
    "wasm",
    [
        b"", b"\0asm", wat.EMPTY, wat.EMPTY + b"\x01", wat.EMPTY + b"\x01\x05abcde", wat.EMPTY + b"\x01\xff\xff\xff\x7f",
        wat.hostile_tool(), wat.hostile_tool()[:-9],
    ],
)  # fmt: skip
def test_nothing_to_outline(wasm: bytes) -> None:
    assert outlined(wasm) is None


def test_damaged_components_raise_nothing() -> None:
    wasm = bytearray(tool()[: -len(PADDING)])
    source = random.Random(7)
    for _ in range(2_000):
        place = source.randrange(len(wasm))
        before, wasm[place] = wasm[place], source.randrange(256)
        outlined(bytes(wasm))
        wasm[place] = before


def test_prune_keeps_the_parts_of_what_is_kept(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "src", name="big", wasm=tool())
    sandbox.init()
    sandbox.run("add", "./src", "--accept-capabilities").ok()
    kept = sorted((sandbox.store / "compiled").rglob("*.compiled"))
    assert len(kept) == 2
    sandbox.run("cache", "prune").ok()
    assert sorted((sandbox.store / "compiled").rglob("*.compiled")) == kept
    sandbox.run("remove", "big").ok()
    sandbox.run("cache", "prune").ok()
    assert list((sandbox.store / "compiled").rglob("*.compiled")) == []
