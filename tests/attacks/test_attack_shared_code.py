"""Attack: code that plugins share (docs/decisions/0158) is replaced by other code."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import wat
from support.outlining import LIMITS, PADDING, Shelf, image, part, tool

from tarkpm.errors import ModuleInvalid
from tarkpm.host.module.outline import outlined


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return Shelf(tmp_path / "cache", monkeypatch)


def test_each_process_reads_one_part_only(shelf: Shelf, tmp_path: Path) -> None:
    """A plugin that breaks the compiler must not make the code of what it shares with others."""
    wasm = tool()
    shelf.serves(image(wasm, "one", tmp_path))
    cut = outlined(wasm)
    assert cut is not None
    assert sorted(map(len, shelf.compiled)) == sorted((len(cut.rest), len(part(wasm))))
    assert part(wasm) not in cut.rest


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


def _module(*sections: bytes) -> bytes:
    """A component with one core module of these sections, and enough code to be outlined."""
    code = b"\x0a\x80\x80\x10" + bytes(1 << 18)
    body = b"\0asm\x01\0\0\0" + b"".join(sections) + code
    return wat.EMPTY + b"\x01" + leb(len(body)) + body


def leb(value: int) -> bytes:
    return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14 & 0x7F | 0x80, value >> 21))


@pytest.mark.parametrize(
    "make",
    [
        lambda: _module(b"\0\x01\0" * 2_000_000),
        lambda: wat.EMPTY + b"\x01\x08\0asm\x01\0\0\0" * 1_000_000,
        lambda: _module(
            b"\x01" + leb(8_000_008) + b"\x01\x60" + leb(8_000_000) + b"\x7f" * 8_000_000 + b"\0\0"
        ),
        lambda: _module(b"\x07" + leb(9_000_004) + leb(3_000_000) + b"\0\0\0" * 3_000_000),
        lambda: _module(b"\x06" + leb(8_000_007) + b"\x01\x7f\0" + b"\x41\0" * 4_000_000),
    ],
    ids=["sections", "modules", "parameters", "exports", "instructions"],
)
def test_a_huge_module_is_not_read_item_by_item(make: Callable[[], bytes]) -> None:
    wasm = make()
    start = time.process_time()
    assert outlined(wasm) is None
    assert time.process_time() - start < 1
