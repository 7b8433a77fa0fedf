"""What fits a plugin type, read from the binary: the same answers as wasmtime's, or none."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from support import older, wat
from support.example_plugins import BUILT
from wasmtime import component

from tarkpm.core.digest import sha256
from tarkpm.errors import ModuleInvalid
from tarkpm.host.module import fit, tark_types
from tarkpm.host.module.component import MAX_SECTIONS, functions, read_types
from tarkpm.host.module.core_types import read_core_types
from tarkpm.host.module.inspect import inspect
from tarkpm.host.module.type_scope import Unreadable
from tarkpm.host.module.type_text import ELLIPSIS, spell
from tarkpm.host.runtime import PluginHost, PluginImage
from tarkpm.host.worker.interfaces import EXPORTS, IMPORTS
from tarkpm.host.worker.legacy_abi import fitting
from tarkpm.host.worker.signatures import Unfit, check
from tarkpm.host.worker.wit_text import Speller

FIXTURES = [
    *((folder / "plugin.wasm").read_bytes() for folder in BUILT),
    wat.hostile_tool(),
    wat.hook(),
    wat.reaching_tool(),
    wat.async_tool(),
    wat.wrong_signature(),
]
TYPES = ("tool", "auth", "provider", "hook")
EXECUTE = "export tark:plugin/tool-plugin execute"
SIGNATURE = tark_types.EXPORTS["tool"]["execute"]
WASI_03 = (
    "imports 'wasi:cli/environment@0.3.0' of WASI 0.3, which this wasmtime cannot provide; "
    "build it for WASI 0.2"
)
ASYNC = (
    f"{EXECUTE} is an async func, which tark does not support; build it with the wit folder of tark, "
    "which declares a func (componentize-py --wit-path wit, componentize-qjs --sync --wit wit)"
)

ImageOf = Callable[..., PluginImage]
Texts = dict[str, dict[str, str]]


def misfit(wasm: bytes, plugin_type: str) -> str | None:
    return fit.misfit(wasm, inspect(wasm), plugin_type)


def read_by_us(wasm: bytes) -> Texts:
    imports, exports = read_types(wasm)
    found = {
        name: {function: spell(ty) for function, ty in functions(item).items()}
        for name, item in (*imports.items(), *exports.items())
    }
    return {name: texts for name, texts in found.items() if texts}


def read_by_wasmtime(wasm: bytes) -> Texts:
    engine = wasmtime.Engine()
    kind = component.Component(engine, wasm).type
    found: Texts = {}
    for name, item in (*kind.imports(engine).items(), *kind.exports(engine).items()):
        if isinstance(item.ty, component.ComponentInstanceType):
            inside = {function: one.ty for function, one in item.ty.exports(engine).items()}
            texts = {f: Speller().spell(ty) for f, ty in inside.items() if isinstance(ty, component.FuncType)}
            found |= {name: texts} if texts else {}
    return found


def wasmtimes_verdict(wasm: bytes, plugin_type: str) -> str | None:
    """What the worker says when it loads the module."""
    engine = wasmtime.Engine()
    try:
        if inspect(wasm).kind == "core":
            fitting.check(wasmtime.Module(engine, wasm), plugin_type)
        else:
            check(component.Component(engine, wasm), engine, plugin_type)
    except Unfit as problem:
        return str(problem)
    return None


# -- the one check


@pytest.mark.parametrize(
    ("wasm", "sentence"),
    [
        (wat.EMPTY, "exports no tark plugin interface"),
        (wat.wrong_world(), "exports no tark plugin interface"),
        (wat.hook(), "exports hook-plugin"),
        (wat.unknown_import(), "imports 'evil:host/run', which tark does not provide"),
        (wat.without_execute(), f"{EXECUTE}: expected {SIGNATURE}, found nothing"),
        (
            wat.wrong_signature(),
            f"{EXECUTE}: expected {SIGNATURE}, found func(tool-name: string, arguments: string) -> string",
        ),
        (
            wat.wasi_03(),
            WASI_03,
        ),
        (
            wat.async_tool(),
            ASYNC,
        ),
    ],
)  # fmt: skip
def test_what_cannot_run_says_why(wasm: bytes, sentence: str) -> None:
    assert misfit(wasm, "tool") == sentence
    with pytest.raises(ModuleInvalid) as caught:
        fit.check_module(wasm, "tool", where="x.wasm", hint="tarkpm inspect x.wasm")
    assert (caught.value.message, caught.value.where) == (fit.refusal(sentence, "tool"), "x.wasm")
    assert caught.value.hint == "tarkpm inspect x.wasm"


def test_an_import_of_tark_with_another_type_does_not_fit() -> None:
    log = '(import "tark:plugin/log" (instance $log (export "info" (func (param "message" string)))))'
    text = Path(wat.__file__).with_name("echo_tool.wat").read_text("utf-8")
    for new, sentence in (
        (f'(import "tark:plugin/random" (instance (export "bytes" (func (result u8))))) {log}',
         "import tark:plugin/random bytes: expected func(count: u32) -> list<u8>, found func() -> u8"),
        (f'(import "tark:plugin/clock" (instance (export "sleep" (func)))) {log}',
         "imports 'sleep' of tark:plugin/clock, which has no such function"),
        (f'(import "tark:plugin/clock" (instance (export "now" (func async (result u64))))) {log}',
         f"import tark:plugin/clock now is an async func, which tark does not support; {tark_types.SYNC}"),
        (f'(import "tark:plugin/clock" (func)) {log}', None),  # only wasmtime says that it is no interface
    ):  # fmt: skip
        assert misfit(wat.assemble(text.replace(log, new)), "tool") == sentence


def test_a_core_module_with_the_names_and_other_types_does_not_fit() -> None:
    assert misfit(older.module(), "auth") is None
    start = "import tark:log info: expected (i32, i32), found (i64)"
    odd = older.module(extra='(import "tark:log" "info" (func (param i64)))')
    assert misfit(odd, "auth") == wasmtimes_verdict(odd, "auth") == start
    odd = older.module(memory='(memory (export "memory") i64 1)')
    sentence = "export memory: expected an unshared 32-bit memory, found MemoryType"
    assert misfit(odd, "auth") == wasmtimes_verdict(odd, "auth") == sentence
    odd = older.module(more='(func (export "logout") (param f32 v128) (result funcref) unreachable)')
    sentence = "export logout: expected () -> i32, found (f32, v128) -> (ref null func)"
    assert misfit(odd, "auth") == wasmtimes_verdict(odd, "auth") == sentence
    odd = older.module(more='(global (export "logout") i32 (i32.const 0))')
    sentence = "export logout: expected () -> i32, found GlobalType"
    assert misfit(odd, "auth") == wasmtimes_verdict(odd, "auth") == sentence


@pytest.mark.parametrize("name", older.TYPES)
def test_published_plugins_of_the_older_abi_fit(name: str) -> None:
    assert misfit(older.wasm(name), older.TYPES[name]) is None


def test_the_tables_of_the_check_are_those_of_the_worker() -> None:
    for ours, its in ((tark_types.IMPORTS, IMPORTS), (tark_types.EXPORTS, EXPORTS)):
        assert ours == {name: {f: ty.text for f, ty in table.items()} for name, table in its.items()}


@pytest.mark.parametrize("wasm", [wat.async_tool(), wat.wrong_signature()])
def test_the_worker_says_the_same_of_what_was_not_checked(wasm: bytes, image_of: ImageOf) -> None:
    """Types of an installed module are not read again in the parent: they were when it was installed."""
    image = msgspec.structs.replace(image_of(wasm), sha256=sha256(wasm))
    with PluginHost() as host, pytest.raises(ModuleInvalid) as caught:
        host.tools(image)
    assert caught.value.message == f"the module cannot run: {misfit(wasm, 'tool')}"


# -- the reader agrees with wasmtime


@pytest.mark.parametrize("wasm", FIXTURES)
def test_types_are_those_that_wasmtime_reads(wasm: bytes) -> None:
    assert read_by_us(wasm) == read_by_wasmtime(wasm) != {}
    for plugin_type in TYPES:
        assert (misfit(wasm, plugin_type) is None) == (wasmtimes_verdict(wasm, plugin_type) is None)


_LABELS = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,3}", fullmatch=True), min_size=1, max_size=3, unique=True)
_PLAIN = st.sampled_from(["bool", "s8", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"])
_Shape = Any
"""A plain type, or the keyword of a type and what it contains, with a label for each part or without."""


def _compound(inner: st.SearchStrategy[_Shape]) -> st.SearchStrategy[_Shape]:
    labelled = _LABELS.flatmap(
        lambda names: st.tuples(*(inner for _ in names)).map(lambda all_: (names, all_))
    )
    return st.one_of(
        st.tuples(st.sampled_from(["list", "option", "result"]), st.tuples(inner)),
        st.tuples(st.just("tuple"), st.lists(inner, min_size=1, max_size=3)),
        st.tuples(st.sampled_from(["record", "variant"]), labelled),
        st.tuples(st.sampled_from(["enum", "flags"]), _LABELS),
    )


_TYPE = st.recursive(_PLAIN, _compound, max_leaves=6)


def named(shape: _Shape, lines: list[str]) -> str:
    """A type in WAT. Each that is no plain one gets a name, as the types of an interface must."""
    if isinstance(shape, str):
        return shape
    keyword, parts = shape
    if keyword in ("record", "variant"):
        word = {"record": "field", "variant": "case"}[keyword]
        inside = [f'({word} "{name}" {named(part, lines)})' for name, part in zip(*parts, strict=True)]
    elif keyword in ("enum", "flags"):
        inside = [f'"{label}"' for label in parts]
    else:
        inside = [named(part, lines) for part in parts]
    name = f"t{len(lines)}"
    definition = f"(type ${name}_ ({keyword} {' '.join(inside)}))"
    lines.append(f'{definition} (export "{name}" (type ${name} (eq ${name}_)))')
    return f"${name}"


@settings(max_examples=40)
@given(_TYPE, _TYPE, st.booleans())
def test_any_type_is_spelled_as_wasmtime_does(param: _Shape, result: _Shape, is_async: bool) -> None:
    lines: list[str] = []
    types = f'(param "p" {named(param, lines)}) (result {named(result, lines)})'
    function = f'(export "f" (func {"async" if is_async else ""} {types}))'
    again = '(alias outer 1 $outer (type $again)) (export "o" (func (param "o" $again)))'
    inside = f"{' '.join(lines)} {function} {again}"
    wasm = wat.assemble(f'(component (type $outer (list string)) (import "a:b/c" (instance {inside})))')
    assert read_by_us(wasm) == read_by_wasmtime(wasm) != {}


# -- limits: what is beyond the reader is left to the loader


def test_what_is_not_understood_is_left_to_wasmtime() -> None:
    wasm = wat.hostile_tool()
    unknown = b"\x08\x02\x01\x7e"  # a canonical function that nobody defined
    with pytest.raises(Unreadable):
        read_types(wasm + b"\x07\x02\x01\x3e")  # a type that nobody defined
    assert misfit(wasm + b"\x07\x02\x01\x3e", "tool") is None
    assert read_by_us(wasm + unknown) == read_by_us(wasm)
    hidden = wasm[:8] + unknown + wasm[8:]  # the functions behind it are not known, but declared types are
    assert misfit(hidden, "tool") is None


def test_reading_takes_little_time_whatever_the_file_declares() -> None:
    wasm = wat.hostile_tool()
    many = b"\x07" + leb(600_003) + leb(600_000) + b"\x7f" * 600_000
    start = time.thread_time()
    assert misfit(wasm + many, "tool") is None
    assert time.thread_time() - start < 0.05
    # 2 ** 40 parts: each type is two of the one before
    steps = "".join(f"(type $t{n + 1} (tuple $t{n} $t{n}))" for n in range(40))
    deep = wat.assemble(
        f'(component (type $t0 (tuple string string)) {steps} (import "a:b/c" (instance'
        ' (alias outer 1 $t40 (type $t)) (export "t" (type $u (eq $t))) (export "f" (func (param "x" $u))))))'
    )
    assert read_by_us(deep)["a:b/c"]["f"].count(ELLIPSIS) > 0
    chain = b"\x70\x00" + b"".join(b"\x70" + leb(n) for n in range(20_000))
    body = leb(20_001) + chain
    assert misfit(wasm + b"\x07" + leb(len(body)) + body, "tool") is None
    assert time.thread_time() - start < 1


def test_nesting_has_an_end() -> None:
    nested = b"\x42\x00"
    for _ in range(2_000):
        nested = b"\x42\x01\x01" + nested
    with pytest.raises(Unreadable):
        read_types(wat.EMPTY + b"\x07" + leb(len(nested) + 1) + b"\x01" + nested)


def leb(value: int) -> bytes:
    found = b""
    while value >= 0x80:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


@given(st.integers(0, len(FIXTURES) - 1), st.data())
def test_a_damaged_component_is_never_an_accident(which: int, data: st.DataObject) -> None:
    wasm = bytearray(FIXTURES[which])
    for _ in range(data.draw(st.integers(1, 4))):
        wasm[data.draw(st.integers(8, len(wasm) - 1))] = data.draw(st.integers(0, 255))
    try:
        misfit(bytes(wasm), "tool")
    except ModuleInvalid:
        return


@given(st.binary(max_size=60))
def test_any_sections_are_never_an_accident(data: bytes) -> None:
    for read, head in ((read_types, wat.EMPTY), (read_core_types, b"\0asm\x01\0\0\0")):
        for section in (b"\x01", b"\x07", b"\x05", b"\x06", b"\x08", b"\x0b"):
            try:
                read(head + section + leb(len(data)) + data)
            except Unreadable:
                continue


def test_sections_are_counted_in_nested_components_too() -> None:
    """Empty custom sections compress to almost nothing, and each takes time to step over."""
    empty = b"\x00\x01\x00" * (MAX_SECTIONS + 1)
    with pytest.raises(Unreadable, match="more sections"):
        read_types(b"\0asm\x0d\0\1\0" + empty)
