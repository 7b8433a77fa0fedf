"""Values between JSON and wasmtime, and the types of tark:plugin as real components have them."""

import ctypes
from pathlib import Path
from typing import Any

import pytest
import support.witfile as witfile
import wasmtime
from support import wat
from wasmtime import _ffi as ffi
from wasmtime.component import Component

from tarkpm.host.ipc.frames import LONG, Texts
from tarkpm.host.module.inspect import INTERFACES, WORLDS
from tarkpm.host.worker.compound import ListOf, OptionOf, RecordOf, ResultOf, TupleOf, VariantOf
from tarkpm.host.worker.interfaces import EXPORTS, IMPORTS, PACKAGE
from tarkpm.host.worker.signatures import Unfit, check
from tarkpm.host.worker.wit import Bool, Enum, Integer, Meter, Mismatch, String, TooMuch, Type, Value

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
STRING = String()
PAIR = RecordOf(a_b=STRING, c=OptionOf(Integer(16)))
POLL = VariantOf(pending=None, success=STRING, expired=None)


def crossed(kind: Type, json: Any, limit: int = 10_000) -> Any:
    """JSON as it comes back after having been a C value."""
    value, meter = Value(), Meter(limit)
    try:
        kind.lower(json, value)
        found = kind.lift(value, meter)
        return Texts(meter.texts.lengths, meter.texts.tail).lowered(found)
    finally:
        ffi.wasmtime_component_val_delete(ctypes.byref(value))


@pytest.mark.parametrize(
    ("kind", "json"),
    [
        (STRING, "text"),
        (STRING, ""),
        (STRING, "\0 naïve 🦀"),
        (STRING, "ü" * LONG),
        (ListOf(STRING), ["\x000", "x" * LONG, "\x001", "", "y" * LONG]),
        (Bool(), True),
        (Integer(64), (1 << 64) - 1),
        (Integer(32, signed=True), -(1 << 31)),
        (Integer(8), 255),
        (Enum("a", "b-c"), "b-c"),
        (ListOf(STRING), ["a", ""]),
        (ListOf(STRING), []),
        (ListOf(Integer(8)), [0, 255]),
        (TupleOf(STRING, Integer(8)), ["a", 255]),
        (PAIR, {"a-b": "x", "c": None}),
        (PAIR, {"a-b": "x", "c": 0}),
        (ListOf(PAIR), [{"a-b": str(n), "c": n} for n in range(50)]),
        (OptionOf(STRING), None),
        (OptionOf(STRING), "x"),
        (ResultOf(None, STRING), {"ok": None}),
        (ResultOf(None, STRING), {"err": "no"}),
        (ResultOf(STRING, STRING), {"ok": "same"}),
        (ResultOf(PAIR, PAIR), {"err": {"a-b": "x", "c": 3}}),
        (POLL, {"expired": None}),
        (POLL, {"success": "x"}),
    ],
)
def test_json_passes_through_wasmtimes_values_unchanged(kind: Type, json: Any) -> None:
    assert crossed(kind, json) == json


@pytest.mark.parametrize(
    ("kind", "json"),
    [
        (STRING, 1),
        (STRING, None),
        (Bool(), 1),
        (Integer(16), 70_000),
        (Integer(16), -1),
        (Integer(32, signed=True), 1 << 31),
        (Integer(16), True),
        (Integer(16), 1.0),
        (Enum("a"), "b"),
        (Enum("a"), None),
        (ListOf(STRING), "ab"),
        (ListOf(STRING), ["a", 1]),
        (TupleOf(STRING, STRING), ["a"]),
        (TupleOf(STRING), ("a",)),
        (PAIR, {"a-b": "x"}),
        (PAIR, {"a-b": "x", "c": None, "d": 1}),
        (PAIR, {"a-b": "x", "c": 70_000}),
        (ListOf(PAIR), [{"a-b": "x", "c": 1}, {"a-b": "x", "c": "no"}]),
        (ResultOf(None, STRING), {}),
        (ResultOf(None, STRING), {"maybe": 1}),
        (ResultOf(None, STRING), {"ok": None, "err": "x"}),
        (ResultOf(None, STRING), None),
        (POLL, {"success": 1}),
        (POLL, {"gone": None}),
    ],
)
def test_json_of_another_type_is_refused_and_nothing_half_written_is_left(kind: Type, json: Any) -> None:
    for _ in range(3):
        with pytest.raises(Mismatch, match=r"^expected "):
            crossed(kind, json)


def test_a_value_of_another_kind_is_never_read() -> None:
    kinds: list[Type] = [
        STRING, Integer(8), ListOf(STRING), TupleOf(STRING), PAIR, POLL, ResultOf(None, STRING), OptionOf(STRING)
    ]  # fmt: skip
    for kind in kinds:
        with pytest.raises(Mismatch, match=r"found a value of kind 0$"):
            kind.lift(Value(), Meter(10))


def test_text_is_metered_in_bytes_and_a_list_of_nothing_is_not_free() -> None:
    crossed(STRING, "x" * 9, 10)
    crossed(ListOf(STRING), ["ü", "ü"], 9)
    for value in (["üü", "üü"], ["xxxx", "xxxx"], [""] * 10):
        with pytest.raises(TooMuch):
            crossed(ListOf(STRING), value, 9)
    with pytest.raises(TooMuch):
        crossed(ListOf(Integer(8)), [1] * 11, 10)


def test_nothing_leaks() -> None:
    kind = ListOf(RecordOf(a=STRING, b=ResultOf(STRING, STRING), c=OptionOf(STRING)))
    json = [{"a": "x" * 100_000, "b": {"err": "y" * 100_000}, "c": "z" * 100_000}] * 3

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    for _ in range(20):
        crossed(kind, json, 1 << 30)
    before = resident()
    for _ in range(200):
        crossed(kind, json, 1 << 30)
        with pytest.raises(Mismatch):
            crossed(kind, [*json, {"a": "x", "b": {"ok": 1}, "c": None}])
    assert resident() - before < 2_000  # pages; each round writes 220


@pytest.mark.parametrize("name", ["text-tools", "device-auth", "openai-compat"])
def test_the_tables_are_what_real_components_import_and_export(name: str) -> None:
    engine = wasmtime.Engine()
    compiled = Component(engine, (PLUGINS / name / "plugin.wasm").read_bytes())
    plugin_type = {"text-tools": "tool", "device-auth": "auth", "openai-compat": "provider"}[name]
    assert check(compiled, engine, plugin_type).keys() <= IMPORTS.keys()


def test_the_tables_are_what_the_tests_own_components_have() -> None:
    engine = wasmtime.Engine()
    check(Component(engine, wat.hook()), engine, "hook")
    found = check(Component(engine, wat.reaching_tool()), engine, "tool")
    assert found.keys() == {"filesystem", "shell", "clock", "random"}
    assert all(set(functions) == set(IMPORTS[name]) for name, functions in found.items())


def test_the_tables_are_the_wit_package() -> None:
    """Function by function, type by type."""
    tables = {**IMPORTS, **{f"{kind}-plugin": functions for kind, functions in EXPORTS.items()}}
    ours = {name: {f: function.text for f, function in table.items()} for name, table in tables.items()}
    assert ours == witfile.read(ROOT / "wit")
    assert {PACKAGE + name for name in IMPORTS} == INTERFACES
    assert set(EXPORTS) == set(WORLDS)
    exported = {f"{kind}-world": {f"{kind}-plugin"} for kind in EXPORTS}
    assert witfile.worlds(ROOT / "wit") == exported


def unfit(text: str, plugin_type: str = "tool") -> str:
    engine = wasmtime.Engine()
    with pytest.raises(Unfit) as caught:
        check(Component(engine, wat.assemble(text)), engine, plugin_type)
    return str(caught.value)


def test_what_is_imported_with_another_shape() -> None:
    log = '(import "tark:plugin/log" (instance (export "info" (func (param "message" {})))))'
    none = "; does not export tool-plugin"
    assert unfit(f"(component {log.format('(list u8)')})") == (
        "import tark:plugin/log info: expected func(message: string), found func(message: list<u8>)" + none
    )
    shout = '(component (import "tark:plugin/log" (instance (export "shout" (func)))))'
    assert unfit(shout) == "imports 'shout' of tark:plugin/log, which has no such function" + none
    assert unfit('(component (import "log" (func)))') == "imports 'log', which tark does not provide" + none
    assert unfit('(component (import "tark:plugin/log" (func)))') == (
        "expected 'tark:plugin/log' to be an interface, found FuncType" + none
    )
    assert unfit("(component)") == "does not export tool-plugin"


def test_a_long_report_is_cut() -> None:
    functions = "".join(f'(export "f{number}" (func))' for number in range(9))
    report = unfit(f'(component (import "tark:plugin/log" (instance {functions})))')
    assert report.startswith("imports 'f0' of tark:plugin/log, which has no such function; imports 'f1' of ")
    assert report.endswith("; and 5 more")


def test_what_is_exported_with_another_shape() -> None:
    text = Path(wat.__file__).with_name("hook.wat").read_text("utf-8")
    odd = text.replace('(case "stop" string)', '(case "halt" string)')
    assert unfit(odd, "hook") == (
        "export tark:plugin/hook-plugin handle: expected func(event: string, payload: string) -> "
        "variant{continue, replace(string), stop(string)}, found func(event: string, payload: string) -> "
        "variant{continue, replace(string), halt(string)}"
    )
    less = text.replace('(export "events" (func $f1))', "")
    assert unfit(less, "hook") == (
        "export tark:plugin/hook-plugin events: expected func() -> list<string>, found nothing"
    )


@pytest.mark.parametrize(
    "kind",
    [
        "(flags \"a\")", "(variant (case \"a\" string) (case \"b\"))", "(tuple u8 float64)", "(option char)",
        "(result)", "(result s8 (error string))", "(enum \"x\")", "(record (field \"f\" bool))",
    ],
)  # fmt: skip
def test_any_type_can_be_named(kind: str) -> None:
    named = f'(type $t_ {kind}) (export "t" (type $t (eq $t_)))'
    text = f'(component (import "tark:plugin/log" (instance {named} (export "info" (func (param "m" $t))))))'
    assert unfit(text).startswith(
        "import tark:plugin/log info: expected func(message: string), found func(m: "
    )


def test_a_plugin_type_has_the_functions_of_its_interface() -> None:
    assert EXPORTS["tool"]["execute"].text == (
        "func(tool-name: string, arguments: string) -> "
        "record{success: bool, output: string, error: option<string>}"
    )
