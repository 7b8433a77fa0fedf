"""The hostile fixtures load, and do the harm they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import wasmtime
from support import wat
from support.guest import Guest
from wasmtime import component


class EnoughError(Exception):
    """Raised by a host function to end an endless guest."""


def hostile(info: Callable[..., object] | None = None, put: Callable[..., object] | None = None) -> Guest:
    log = {"info": info or (lambda _message: None)}
    storage = {"set": put or (lambda _key, _value: None)}
    return Guest(wat.hostile_tool(), "tool-plugin", {"log": log, "storage": storage})


def imports_and_exports(wasm: bytes) -> tuple[set[str], set[str]]:
    engine = wasmtime.Engine()
    kind = component.Component(engine, wasm).type
    return set(kind.imports(engine)), set(kind.exports(engine))


def test_it_lists_the_tools_that_the_module_documents() -> None:
    guest = hostile()
    assert tuple(tool.name for tool in guest.call("get-tools")) == wat.HOSTILE_TOOLS
    assert {getattr(tool, "parameters-schema") for tool in guest.call("get-tools")} == {'{"type":"object"}'}
    assert guest.call("get-risk-level", "spin") == "read-only"


def test_echo_logs_and_returns_its_arguments() -> None:
    logged: list[str] = []
    guest = hostile(info=logged.append)
    for arguments in ("{}", '{"text":"grün"}', ""):
        result = guest.call("execute", "echo", arguments)
        assert (result.success, result.output, result.error) == (True, arguments, None)
    assert logged == ["{}", '{"text":"grün"}', ""]


def test_another_tool_is_unknown() -> None:
    for name in ("", "ech", "echoo", "Echo"):
        result = hostile().call("execute", name, "{}")
        assert (result.success, result.output, result.error) == (False, "", "unknown tool")


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ("trap", "wasm trap: wasm `unreachable` instruction executed"),
        ("grow", "wasm trap: wasm `unreachable` instruction executed"),
        ("recurse", "wasm trap: call stack exhausted"),
        ("bad-utf8", "invalid utf-8 sequence"),
        ("bad-pointer", "out of bounds"),
    ],
)
def test_it_fails_as_its_name_says(tool: str, message: str) -> None:
    with pytest.raises(wasmtime.WasmtimeError, match=message):
        hostile().call("execute", tool, "{}")


def test_spin_ends_only_by_its_deadline() -> None:
    guest = hostile()
    guest.interrupt_at_once()
    with pytest.raises(wasmtime.WasmtimeError, match="wasm trap: interrupt"):
        guest.call("execute", "spin", "{}")


def test_huge_output_is_huge() -> None:
    output = hostile().call("execute", "huge-output", "{}").output
    assert len(output) == wat.HUGE_OUTPUT == output.count("x")


def test_huge_output_traps_without_the_memory() -> None:
    guest = Guest(wat.hostile_tool(), "tool-plugin", memory=1 << 20)
    with pytest.raises(wasmtime.WasmtimeError, match="unreachable"):
        guest.call("execute", "huge-output", "{}")


def test_log_flood_never_stops_by_itself() -> None:
    logged: list[str] = []

    def info(message: str) -> None:
        logged.append(message)
        if len(logged) == 1000:
            raise EnoughError

    with pytest.raises(EnoughError):
        hostile(info=info).call("execute", "log-flood", "noise")
    assert logged == ["noise"] * 1000


def test_many_calls_sets_new_keys_for_ever_whatever_it_is_told() -> None:
    stored: dict[str, str] = {}

    def put(key: str, value: str) -> str | None:
        stored[key] = value
        if len(stored) == 1000:
            raise EnoughError
        return "over quota" * 100 if len(stored) > 500 else None

    with pytest.raises(EnoughError):
        hostile(put=put).call("execute", "many-calls", "value")
    assert len(stored) == 1000
    assert set(stored.values()) == {"value"}
    assert list(stored)[:2] == ["key-00000000", "key-00000001"]


def test_hostile_tool_imports_log_and_storage_only() -> None:
    assert imports_and_exports(wat.hostile_tool()) == (
        {"tark:plugin/log", "tark:plugin/storage"},
        {"tark:plugin/tool-plugin"},
    )


def test_wrong_world_exports_something_else() -> None:
    assert imports_and_exports(wat.wrong_world()) == (set(), {"run"})


def test_wrong_signature_has_the_right_names_only() -> None:
    assert imports_and_exports(wat.wrong_signature())[1] == {"tark:plugin/tool-plugin"}
    guest = Guest(wat.wrong_signature(), "tool-plugin", {"log": {"info": lambda _: None}})
    engine = guest.engine
    exports = component.Component(engine, wat.wrong_signature()).type.exports(engine)
    tool_plugin = exports["tark:plugin/tool-plugin"].ty
    assert isinstance(tool_plugin, component.ComponentInstanceType)
    execute = tool_plugin.exports(engine)["execute"].ty
    assert isinstance(execute, component.FuncType)
    assert isinstance(execute.result, component.String)


def test_unknown_import_is_otherwise_a_tool_plugin() -> None:
    assert imports_and_exports(wat.unknown_import()) == (
        {"evil:host/run", "tark:plugin/log", "tark:plugin/storage"},
        {"tark:plugin/tool-plugin"},
    )


def test_core_module_is_no_component() -> None:
    wasmtime.Module(wasmtime.Engine(), wat.core_module())
    with pytest.raises(wasmtime.WasmtimeError):
        component.Component(wasmtime.Engine(), wat.core_module())


def test_builders_build_once() -> None:
    assert wat.hostile_tool() is wat.hostile_tool()
