"""What a binary is, without running it."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import wat

from tarkpm.errors import ModuleInvalid
from tarkpm.host.module.fit import misfit
from tarkpm.host.module.inspect import inspect

PLUGINS = Path(__file__).parents[2] / "plugins"
COMPONENT = b"\0asm\x0d\0\x01\0"
CORE = b"\0asm\x01\0\0\0"


def wasm_of(name: str) -> bytes:
    return (PLUGINS / name / "plugin.wasm").read_bytes()


def test_the_surface_of_a_component() -> None:
    info = inspect(wasm_of("text-tools"))
    assert info.kind == "component"
    assert set(info.imports) == {"tark:plugin/log", "tark:plugin/storage"}
    assert info.exports == ("tark:plugin/tool-plugin",)
    assert info.worlds == ("tool",)
    assert info.unknown_imports == ()


@pytest.mark.parametrize(
    ("name", "plugin_type"), [("text-tools", "tool"), ("device-auth", "auth"), ("openai-compat", "provider")]
)
def test_each_example_fits_its_type_and_no_other(name: str, plugin_type: str) -> None:
    wasm = wasm_of(name)
    info = inspect(wasm)
    assert misfit(wasm, info, plugin_type) is None
    for other in {"tool", "auth", "provider", "hook", "channel"} - {plugin_type}:
        assert misfit(wasm, info, other) == f"exports {plugin_type}-plugin"


def test_core_modules_are_named_for_what_they_are() -> None:
    info = inspect(
        wat.assemble("""
        (module
          (import "tark:log" "info" (func))
          (import "tark:log" "warn" (func))
          (import "m" "g" (global i32))
          (import "m" "t" (table 1 2 funcref))
          (import "m" "mem" (memory i64 1 9))
          (func (export "alloc")))
    """)
    )
    imports = ("tark:log.info", "tark:log.warn", "m.g", "m.t", "m.mem")
    assert (info.kind, info.imports, info.exports) == ("core", imports, ("alloc",))
    assert info.unknown_imports == ("m.g", "m.t", "m.mem")
    assert info.worlds == ()


def test_every_kind_of_import_and_export_is_read() -> None:
    info = inspect(
        wat.assemble("""
        (component
          (import "wasi:cli/environment@0.2.6" (instance))
          (import "wasi:http/types@0.2.6" (instance))
          (import "f" (func $f (param "x" u32)))
          (import "t" (type (sub resource)))
          (type $u u8)
          (import "s" (type (eq $u)))
          (import "m" (core module $m (import "a" "b" (func))))
          (import "c" (component $c))
          (export "mm" (core module $m))
          (export "ff" (func $f) (func (param "x" u32)))
          (export "cc" (component $c)))
    """)
    )
    assert info.imports == ("wasi:cli/environment@0.2.6", "wasi:http/types@0.2.6", "f", "t", "s", "m", "c")
    assert info.exports == ("mm", "ff", "cc")
    assert info.unknown_imports == ("wasi:http/types@0.2.6", "f", "t", "s", "m", "c")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "expected a WebAssembly binary, found an empty file"),
        (b" \n(component)", "expected a WebAssembly binary, found WebAssembly text"),
        (b";; text", "expected a WebAssembly binary, found WebAssembly text"),
        (b"MZ\0\0", "expected a WebAssembly binary, found a file that begins with b'MZ\\x00\\x00'"),
        (b"\0asm", "expected a WebAssembly component, found version bytes ''"),
        (b"\0asm\x0a\0\x01\0", "expected a WebAssembly component, found version bytes '0a000100'"),
        (COMPONENT + b"\x0d\0", "the module has a section of unknown kind 13 at byte 8"),
        (COMPONENT + b"\x01", "the module ends unexpectedly at byte 9"),
        (COMPONENT + b"\x01\x05abc", "the module has a section at byte 9 that runs past its end"),
        (COMPONENT + b"\x01\xff\xff\xff\xff\x7f", "the module has an integer of more than 32 bits at byte 9"),
        (COMPONENT + b"\x01" + b"\x80" * 9, "the module has an unterminated integer at byte 9"),
        (
            COMPONENT + b"\x0a\x02\x00\x00",
            "the module has a section with extra bytes after its last entry, at byte 11",
        ),
        (COMPONENT + b"\x0a\x04\x01\x00\x05a", "the module has a name at byte 12 that runs past its end"),
        (COMPONENT + b"\x0a\x04\x01\x00\x01\xff", "the module has a name that is not UTF-8 at byte 13"),
        (COMPONENT + b"\x0a\x02\x01\x07", "the module has a name of unknown kind 7 at byte 11"),
        (COMPONENT + b"\x0a\x05\x01\x00\x01a\x09", "the module has an item of unknown sort 9 at byte 14"),
        (
            COMPONENT + b"\x0a\x06\x01\x00\x01a\x03\x05",
            "the module has a type bound of unknown kind 5 at byte 15",
        ),
        (COMPONENT + b"\x0a\x02\x01\x00", "the module ends unexpectedly at byte 12"),
        (COMPONENT + b"\x0a\x05\xff\xff\xff\x7f\x00", "the module has more than 10,000 imports or exports"),
        (COMPONENT + b"\x00\x00" * 20_001, "the module has more than 20,000 sections"),
        (CORE + b"\x02\x06\x01\x01a\x01b\x09", "the module has an import of unknown kind 9 at byte 15"),
    ],
)
def test_malformed(data: bytes, sentence: str) -> None:
    with pytest.raises(ModuleInvalid) as caught:
        inspect(data, where="plugin.wasm")
    assert (caught.value.message, caught.value.where) == (sentence, "plugin.wasm")


def test_a_name_cannot_be_long() -> None:
    name = b"\x00\x81\x08" + b"a" * 1025
    with pytest.raises(ModuleInvalid, match=r"^the module has a name of more than 1,024 bytes"):
        inspect(
            COMPONENT
            + b"\x0a"
            + bytes([0x80 | (len(name) + 2) & 0x7F, (len(name) + 2) >> 7])
            + b"\x01"
            + name
            + b"\x05"
        )


def test_a_big_module_costs_no_more_than_a_small_one() -> None:
    small = wasm_of("text-tools")
    big = small + b"\x00\x80\x80\x80\x09\x01x" + bytes((18 << 20) - 2)
    assert len(big) > 18 << 20
    best = 1.0
    for _ in range(5):
        start = time.thread_time()
        assert inspect(big) == inspect(small)
        best = min(best, time.thread_time() - start)
    assert best < 0.002  # two inspections


def test_any_prefix_is_malformed_or_fine_but_never_an_accident() -> None:
    data = wasm_of("openai-compat")
    for end in range(len(data)):
        try:
            inspect(data[:end])
        except ModuleInvalid:
            continue


@given(st.binary(max_size=200), st.sampled_from([COMPONENT, CORE, b""]))
def test_any_bytes_are_malformed_or_fine_but_never_an_accident(data: bytes, head: bytes) -> None:
    try:
        info = inspect(head + data)
    except ModuleInvalid:
        return
    misfit(head + data, info, "tool")
