"""Big core modules are cut out of components, compiled once, and shared; whatever is odd stays where it is."""

import hashlib
import os
import random
from pathlib import Path

import pytest
from support import wat
from support.sandbox import Sandbox

from tarkpm.core.capability import CapabilitySet
from tarkpm.errors import HostError, ModuleInvalid
from tarkpm.host.compile import compiler
from tarkpm.host.compile.cache import CompileCache
from tarkpm.host.compile.entry import parts_of
from tarkpm.host.limits import Limits
from tarkpm.host.module import outline
from tarkpm.host.module.outline import outlined
from tarkpm.host.module.surface import read_surface
from tarkpm.host.runtime import PluginHost, PluginImage

KEY = b"k" * 32
LIMITS = Limits(seconds=5)
PADDING = b"\0\x83\x80\xc0\x00\x01x" + bytes((1 << 20) + 1)  # a custom section that makes any module big


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outline modules from 100 bytes of code on, so that no test compiles an interpreter."""
    monkeypatch.setattr(outline, "MIN_CODE", 100)


def tool(*, description: str = "") -> bytes:
    """The hostile plugin, with a module without data that its memory module needs: it is outlined."""
    shared = " ".join(f'(func (export "f{n}") (result i32) (i32.const {n}))' for n in range(40))
    text = wat._hostile_text()
    text = wat._replaced(
        text, "\n  (core module $mem\n", f"\n  (core module $shared {shared})\n  (core module $mem\n"
    )
    text = wat._replaced(
        text,
        "  (core instance $m (instantiate $mem))\n",
        '  (core instance $s (instantiate $shared))\n  (core instance $m (instantiate $mem (with "s" (instance $s))))\n',
    )
    text = wat._replaced(
        text,
        '    (memory (export "memory") 1)\n',
        '    (import "s" "f7" (func (result i32)))\n    (memory (export "memory") 1)\n',
    )
    return wat.assemble(text) + PADDING + description.encode()


def image(wasm: bytes, name: str, folder: Path) -> PluginImage:
    return PluginImage(name, "tool", wasm, CapabilitySet(), folder / name)


class Shelf:
    """A cache, and what was compiled for it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.cache = CompileCache(folder, KEY)
        self.compiled: list[bytes] = []
        real = compiler.compile_module

        def noted(image: PluginImage, *args: object, **options: object) -> bytearray:
            self.compiled.append(image.wasm)
            return real(image, *args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(compiler, "compile_module", noted)

    def serves(self, plugin: PluginImage) -> int:
        """Call the plugin; how many modules were compiled for that."""
        self.compiled.clear()
        with PluginHost(LIMITS, cache=self.cache) as host:
            assert host.call(plugin, "echo", "on").output == "on"
        return len(self.compiled)

    def entry(self, wasm: bytes | memoryview) -> Path:
        (found,) = self.folder.glob(f"*/{hashlib.sha256(wasm).hexdigest()}-*")
        return found


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return Shelf(tmp_path / "cache", monkeypatch)


def part(wasm: bytes) -> bytes:
    cut = outlined(wasm)
    assert cut is not None
    (found,) = cut.parts
    return bytes(found)


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


def test_each_process_reads_one_part_only(shelf: Shelf, tmp_path: Path) -> None:
    """A plugin that breaks the compiler must not make the code of what it shares with others."""
    wasm = tool()
    shelf.serves(image(wasm, "one", tmp_path))
    cut = outlined(wasm)
    assert cut is not None
    assert sorted(map(len, shelf.compiled)) == sorted((len(cut.rest), len(part(wasm))))
    assert part(wasm) not in cut.rest


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


@pytest.mark.parametrize(
    "attack", ["poisoned", "half written", "gone", "of another part", "of a plugin", "list"]
)
def test_a_part_that_is_not_ours_is_never_run(shelf: Shelf, tmp_path: Path, attack: str) -> None:
    plugin = image(tool(), "one", tmp_path)
    shelf.serves(plugin)
    mine, whole = shelf.entry(part(plugin.wasm)), shelf.entry(plugin.wasm)
    data = mine.read_bytes()
    match attack:
        case "poisoned":
            mine.write_bytes(data[:5_000] + bytes((data[5_000] ^ 1,)) + data[5_001:])
        case "half written":
            mine.write_bytes(data[: len(data) // 2])
        case "gone":
            mine.unlink()
        case "of another part":  # with a good MAC of ours, under the wrong name
            older = part(tool()).replace(b"f39", b"f4!")
            with shelf.cache.get(image(tool().replace(b"f39", b"f4!"), "other", tmp_path), LIMITS):
                pass
            mine.write_bytes(shelf.entry(older).read_bytes())
        case "of a plugin":
            mine.write_bytes(whole.read_bytes())
        case "list":  # the digest of another part in the list
            entry = bytearray(whole.read_bytes())
            entry[41] ^= 1
            whole.write_bytes(entry)
    assert shelf.serves(plugin) == (1 if attack == "list" else 2)  # the rest is compiled again with its part
    assert shelf.serves(plugin) == 0


def test_a_list_of_parts_cannot_be_taken_off_or_put_on(shelf: Shelf, tmp_path: Path) -> None:
    plugin = image(tool(), "one", tmp_path)
    shelf.serves(plugin)
    whole = shelf.entry(plugin.wasm)
    data = whole.read_bytes()
    whole.write_bytes(b"tarkpmC2" + data[8:40] + data[73:])
    assert shelf.serves(plugin) == 1
    mine = shelf.entry(part(plugin.wasm))
    code = mine.read_bytes()
    mine.write_bytes(b"tarkpmC3" + code[8:40] + b"\0" + code[40:])
    assert shelf.serves(plugin) == 2


def test_a_plugin_cannot_import_a_part_itself(shelf: Shelf, tmp_path: Path) -> None:
    text = wat._hostile_text().replace(
        "\n(component\n", '\n(component (import "tark-outlined-0" (core module $x))\n', 1
    )
    with pytest.raises(ModuleInvalid) as caught:
        shelf.serves(image(wat.assemble(text) + PADDING, "one", tmp_path))
    assert "tark-outlined-0" in caught.value.message


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
