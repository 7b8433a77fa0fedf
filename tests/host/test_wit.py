"""Values between JSON and wasmtime, and the types of tark:plugin as real components have them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from support import wat
from support.guest import Guest, Imports
from wasmtime.component import Component, Record, Variant

from tarkpm.host.worker.interfaces import EXPORTS, IMPORTS
from tarkpm.host.worker.signatures import Unfit, _imports, check
from tarkpm.host.worker.wit import (
    Enum,
    Integer,
    ListOf,
    Meter,
    Mismatch,
    OptionOf,
    Plain,
    RecordOf,
    TooMuch,
    TupleOf,
    Type,
    VariantOf,
    result,
)

PLUGINS = Path(__file__).parents[2] / "plugins"
STRING = Plain("string", str)
PAIR = RecordOf(a_b=STRING, c=OptionOf(Integer(16)))


@pytest.mark.parametrize(
    ("kind", "json"),
    [
        (STRING, "text"),
        (Plain("bool", bool), True),
        (Integer(64), (1 << 64) - 1),
        (Enum("a", "b-c"), "b-c"),
        (ListOf(STRING), ["a", ""]),
        (TupleOf(STRING, Integer(8)), ["a", 255]),
        (PAIR, {"a-b": "x", "c": None}),
        (OptionOf(STRING), None),
        (OptionOf(STRING), "x"),
        (result(None, STRING), {"ok": None}),
        (result(None, STRING), {"err": "no"}),
        (result(STRING, STRING), {"ok": "same"}),
        (result(PAIR, PAIR), {"err": {"a-b": "x", "c": 3}}),
        (result(PAIR, STRING), {"ok": {"a-b": "x", "c": 3}}),
        (VariantOf("v", {"pending": None, "success": STRING, "expired": None}), {"expired": None}),
        (VariantOf("v", {"pending": None, "success": STRING, "expired": None}), {"success": "x"}),
    ],
)
def test_json_passes_through_wasmtimes_values_unchanged(kind: Type, json: Any) -> None:
    assert kind.lift(kind.lower(json), Meter(1000)) == json


def test_results_are_bare_when_python_types_tell_them_apart() -> None:
    assert result(None, STRING).lower({"ok": None}) is None
    assert result(None, STRING).lower({"err": "no"}) == "no"
    assert result(STRING, STRING).lower({"ok": "x"}) == Variant("ok", "x")
    assert isinstance(result(PAIR, STRING).lower({"ok": {"a-b": "", "c": 1}}), Record)


@pytest.mark.parametrize(
    ("kind", "json"),
    [
        (STRING, 1),
        (STRING, None),
        (Plain("bool", bool), 1),
        (Integer(16), 70_000),
        (Integer(16), -1),
        (Integer(16), True),
        (Integer(16), 1.0),
        (Enum("a"), "b"),
        (ListOf(STRING), "ab"),
        (ListOf(STRING), ["a", 1]),
        (TupleOf(STRING, STRING), ["a"]),
        (TupleOf(STRING), ("a",)),
        (PAIR, {"a-b": "x"}),
        (PAIR, {"a-b": "x", "c": None, "d": 1}),
        (PAIR, {"a-b": "x", "c": 70_000}),
        (result(None, STRING), {}),
        (result(None, STRING), {"maybe": 1}),
        (result(None, STRING), {"ok": None, "err": "x"}),
        (result(None, STRING), None),
    ],
)
def test_json_of_another_type_is_refused(kind: Type, json: Any) -> None:
    with pytest.raises(Mismatch, match=r"^expected "):
        kind.lower(json)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (STRING, b"x"),
        (ListOf(STRING), ("a",)),
        (TupleOf(STRING), ["a"]),
        (PAIR, {"a-b": "x", "c": None}),
        (PAIR, Record()),
        (result(STRING, STRING), "bare"),
        (result(STRING, STRING), Variant("other", "x")),
        (result(None, STRING), 3),
    ],
)
def test_a_guests_value_of_another_type_is_refused(kind: Type, value: Any) -> None:
    with pytest.raises(Mismatch, match=r"^expected "):
        kind.lift(value, Meter(1000))


def test_text_is_metered_in_bytes_and_a_list_of_nothing_is_not_free() -> None:
    STRING.lift("x" * 9, Meter(10))
    ListOf(STRING).lift(["ü", "ü", "ü"], Meter(9))
    for value in (["üü", "üü"], ["xxxx", "xxxx"], [""] * 10):
        with pytest.raises(TooMuch):
            ListOf(STRING).lift(value, Meter(9))


@pytest.mark.parametrize("name", ["text-tools", "device-auth", "openai-compat"])
def test_the_tables_are_what_real_components_import(name: str) -> None:
    engine = wasmtime.Engine()
    compiled = Component(engine, (PLUGINS / name / "plugin.wasm").read_bytes())
    found = dict(_imports(compiled, engine))
    assert found.keys() <= IMPORTS.keys()
    if name == "text-tools":
        check(compiled, engine, "tool")


def test_every_host_function_is_imported_by_some_example() -> None:
    engine = wasmtime.Engine()
    found = set()
    for name in ("text-tools", "device-auth", "openai-compat"):
        compiled = Component(engine, (PLUGINS / name / "plugin.wasm").read_bytes())
        found |= {(i, f) for i, functions in _imports(compiled, engine) for f in functions}
    assert {interface for interface, _ in found} == set(IMPORTS)


def unfit(text: str) -> str:
    engine = wasmtime.Engine()
    with pytest.raises(Unfit) as caught:
        check(Component(engine, wat.assemble(text)), engine, "tool")
    return str(caught.value)


def test_what_is_imported_with_another_shape() -> None:
    log = '(import "tark:plugin/log" (instance (export "info" (func (param "message" {})))))'
    assert unfit(f"(component {log.format('(list u8)')})") == (
        "import tark:plugin/log info: expected func(message: string), found func(message: list<u8>)"
    )
    shout = '(component (import "tark:plugin/log" (instance (export "shout" (func)))))'
    assert unfit(shout) == "imports 'shout' of tark:plugin/log, which has no such function"
    assert unfit('(component (import "log" (func)))') == "imports 'log', which tark does not provide"
    assert unfit('(component (import "tark:plugin/log" (func)))') == (
        "expected 'tark:plugin/log' to be an interface, found FuncType"
    )
    assert unfit("(component)") == "does not export tool-plugin"


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


def test_wasmtime_takes_what_is_lowered_and_gives_what_can_be_lifted() -> None:
    """device-auth posts a form and reads JSON: records, tuples in lists, a result told apart by tags."""
    post = IMPORTS["http"]["post"]
    asked: list[list[Any]] = []
    answers: list[Any] = [
        {"err": {"message": "no network", "status": None}},
        {"ok": {"status": 503, "headers": [["x", "y"]], "body": "busy"}},
    ]

    def respond(*args: Any) -> Any:
        asked.append(post.lift(args, Meter(10_000)))
        assert post.result is not None
        return post.result.lower(answers[len(asked) - 1])

    settings = {"get": lambda name: f"https://example.test/{name}"}
    storage: dict[str, Callable[..., Any]] = {"get": lambda key: None, "set": lambda key, value: None}
    log = dict.fromkeys(("debug", "info", "warn", "error"), lambda message: None)
    wasm = (PLUGINS / "device-auth" / "plugin.wasm").read_bytes()
    imports: Imports = {"http": {"post": respond}, "env": settings, "storage": storage, "log": log}
    guest = Guest(wasm, "auth-plugin", imports)
    for _ in answers:
        assert isinstance(guest.call("start-device-flow"), str)  # the error case, bare
    assert len(asked) == 2
    assert all(isinstance(pair, list) and len(pair) == 2 for pair in asked[0][2])


def test_a_plugin_type_has_the_functions_of_its_interface() -> None:
    assert EXPORTS["tool"]["execute"].text == (
        "func(tool-name: string, arguments: string) -> "
        "record{success: bool, output: string, error: option<string>}"
    )
