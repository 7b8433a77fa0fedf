"""Core module to component: what wasm-tools made of the same modules is the reference."""

import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime
from support.core_modules import module
from support.guest import Guest

from tarkpm.host.module.core_types import read_core_types
from tarkpm.host.module.fit import check_module
from tarkpm.host.module.reader import Reader
from tarkpm.host.module.tark_types import EXPORTS, IMPORTS
from tarkpm.toolchains.component.abi import signature
from tarkpm.toolchains.component.componentize import CoreModule, Unconvertible, componentize
from tarkpm.toolchains.component.wit import UnreadableWit, read_package
from tarkpm.toolchains.resources import wit_files

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
WASM_TOOLS = Path(sys.executable).with_name("wasm-tools")
PACKAGE = read_package(text.decode() for text in wit_files().values())


def core_of(component: bytes) -> bytes:
    """The first core module in a component: the plugin's own."""
    file = Reader(component, 8, len(component))
    while file.byte() != 1:
        file.span("section")
    body = file.span("section")
    return component[body.at : body.end]


def converted(core: bytes, kind: str = "tool") -> bytes:
    imports, exports = read_core_types(core)
    return componentize(CoreModule(core, tuple(imports), exports), PACKAGE, kind)


def wit_of(component: bytes, folder: Path) -> list[str]:
    """Its WIT as wasm-tools reads it, in any order of definitions."""
    (folder / "plugin.wasm").write_bytes(component)
    command = [str(WASM_TOOLS), "component", "wit", str(folder / "plugin.wasm")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return sorted(line for line in done.stdout.splitlines() if line.strip())


@pytest.mark.parametrize(
    ("plugin", "kind"),
    [
        ("text-tools", "tool"),
        ("device-auth", "auth"),
        ("openai-compat", "provider"),
        ("session-guard", "hook"),
    ],
)
def test_an_example_plugin_becomes_the_same_component(plugin: str, kind: str, tmp_path: Path) -> None:
    reference = (PLUGINS / plugin / "plugin.wasm").read_bytes()
    made = converted(core_of(reference), kind)
    assert wit_of(made, tmp_path) == wit_of(reference, tmp_path)
    subprocess.run([WASM_TOOLS, "validate", tmp_path / "plugin.wasm"], check=True)
    assert check_module(made, kind, where="made") == check_module(reference, kind, where="reference")


def test_a_made_component_runs() -> None:
    logged: list[str] = []
    plugin = converted(core_of((PLUGINS / "text-tools" / "plugin.wasm").read_bytes()))
    guest = Guest(plugin, "tool-plugin", {"log": {"debug": logged.append}})
    result = guest.call("execute", "text-stats", '{"text":"two words"}')
    assert (result.success, result.output) == (True, '{"chars":9,"words":2,"lines":1}')
    assert logged == ["text-stats"]


def test_the_wit_reader_knows_every_function_that_tark_has() -> None:
    """The tables of `tark_types`, which a test compares with wit/, have the same functions and types."""
    found = {name: set(one.functions) for name, one in PACKAGE.interfaces.items()}
    exports = {f"{kind}-plugin": set(functions) for kind, functions in EXPORTS.items()}
    assert found == {name: set(functions) for name, functions in IMPORTS.items()} | exports
    assert PACKAGE.worlds == {f"{kind}-world": (f"{kind}-plugin",) for kind in EXPORTS}


@pytest.mark.parametrize(
    ("interface", "function", "lower", "wanted"),
    [
        ("storage", "get", True, "(i32, i32, i32)"),
        ("http", "post", True, "(i32, i32, i32, i32, i32, i32, i32)"),
        ("clock", "now", True, "() -> i64"),
        ("shell", "run", True, "(i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32)"),
        ("tool-plugin", "execute", False, "(i32, i32, i32, i32) -> i32"),
        ("tool-plugin", "get-risk-level", False, "(i32, i32) -> i32"),
        ("auth-plugin", "start-device-flow", False, "() -> i32"),
        ("provider-plugin", "chat", False, "(i32, i32, i32, i32) -> i32"),
    ],
)
def test_core_signatures(interface: str, function: str, lower: bool, wanted: str) -> None:
    found = PACKAGE.interfaces[interface]
    assert signature(found, found.functions[function], lower=lower) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "interface a { }",
        "package a:b; interface c { resource d; }",
        "package a:b; interface c { f: async func(); }",
        "package a:b; interface c { f: func() -> list<; }",
        "package a:b; interface c { f: func()",
        "package a:b@1.0.0; interface c { }",
        "package a:b; interface c { $ }",
    ],
)
def test_wit_that_is_beyond_the_reader_is_refused(text: str) -> None:
    with pytest.raises(UnreadableWit):
        read_package([text])


# -- modules that cannot become one


@pytest.mark.parametrize(
    ("core", "kind", "name", "message"),
    [
        (module('(import "env" "puts" (func (param i32) (result i32)))'), "import", "env puts", "imports 'env puts', which tark does not provide"),
        (module('(import "tark:plugin/log" "shout" (func))'), "import", "tark:plugin/log shout", "imports 'tark:plugin/log shout', which tark does not provide"),
        (module('(import "tark:plugin/tool-plugin" "execute" (func))'), "import", "tark:plugin/tool-plugin execute", "imports 'tark:plugin/tool-plugin execute', which tark does not provide"),
        (module('(import "tark:plugin/log" "info" (func (param i64)))'), "signature", "tark:plugin/log info", "has the wrong signature at import tark:plugin/log info: expected (i32, i32), found (i64)"),
        (module(drop="execute"), "export", "tark:plugin/tool-plugin#execute", "does not export 'tark:plugin/tool-plugin#execute'"),
        (module(drop="cabi_realloc"), "export", "cabi_realloc", "does not export 'cabi_realloc'"),
        (module(drop="memory"), "export", "memory", "does not export its memory"),
    ],
)  # fmt: skip
def test_a_module_that_does_not_fit_is_named_exactly(core: bytes, kind: str, name: str, message: str) -> None:
    with pytest.raises(Unconvertible) as caught:
        converted(core)
    assert (caught.value.kind, caught.value.name, str(caught.value)) == (kind, name, message)


# -- WASI preview 1


def wasi(imports: str, body: str) -> Guest:
    """A tool whose risk level, a number below 4, is what ``body`` computes from WASI functions."""
    host = {
        "clock": {"now": lambda: 1_700_000_000_123, "monotonic": lambda: 5},
        "random": {"number": lambda: 0x0302_0100_0302_0103},
    }
    return Guest(converted(module(imports, body)), "tool-plugin", host)


P1 = "wasi_snapshot_preview1"
NEW = f'(import "{P1}" '
LEVELS = ["read-only", "write", "risky", "dangerous"]


@pytest.mark.parametrize(
    ("imports", "body", "level"),
    [
        # fd_prestat_get says EBADF (8): nothing is open
        (f'{NEW}"fd_prestat_get" (func $f (param i32 i32) (result i32)))', "(i32.sub (call $f (i32.const 3) (i32.const 0)) (i32.const 7))", 1),
        # poll_oneoff says ENOSYS (52)
        (f'{NEW}"poll_oneoff" (func $f (param i32 i32 i32 i32) (result i32)))', "(i32.sub (call $f (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 50))", 2),
        # two writes of 1 and 2 bytes are counted
        (f'{NEW}"fd_write" (func $f (param i32 i32 i32 i32) (result i32)))', "(i32.store (i32.const 4) (i32.const 1)) (i32.store (i32.const 12) (i32.const 2)) (drop (call $f (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 64))) (i32.load (i32.const 64))", 3),
        # 9 random bytes: the last one is the first byte of the second number, and nothing is written after it
        (f'{NEW}"random_get" (func $f (param i32 i32) (result i32)))', "(drop (call $f (i32.const 0) (i32.const 9))) (i32.sub (i32.load8_u (i32.const 8)) (i32.load8_u (i32.const 9)))", 3),
        (f'{NEW}"random_get" (func $f (param i32 i32) (result i32)))', "(drop (call $f (i32.const 0) (i32.const 9))) (i32.load8_u (i32.const 7))", 3),
        # milliseconds become nanoseconds
        (f'{NEW}"clock_time_get" (func $f (param i32 i64 i32) (result i32)))', "(drop (call $f (i32.const 0) (i64.const 0) (i32.const 0))) (i64.eq (i64.load (i32.const 0)) (i64.const 1700000000123000000))", 1),
        (f'{NEW}"clock_time_get" (func $f (param i32 i64 i32) (result i32)))', "(drop (call $f (i32.const 1) (i64.const 0) (i32.const 0))) (i64.eq (i64.load (i32.const 0)) (i64.const 5000000))", 1),
        (f'{NEW}"clock_time_get" (func $f (param i32 i64 i32) (result i32)))', "(i32.eq (call $f (i32.const 2) (i64.const 0) (i32.const 0)) (i32.const 28))", 1),
        (f'{NEW}"environ_sizes_get" (func $f (param i32 i32) (result i32)))', "(i32.store (i32.const 0) (i32.const 3)) (drop (call $f (i32.const 0) (i32.const 4))) (i32.load (i32.const 0))", 0),
        (f'{NEW}"fd_read" (func $f (param i32 i32 i32 i32) (result i32)))', "(i32.store (i32.const 64) (i32.const 3)) (drop (call $f (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))) (i32.load (i32.const 64))", 0),
    ],
)  # fmt: skip
def test_wasi_answers_as_a_machine_that_grants_nothing(imports: str, body: str, level: int) -> None:
    assert wasi(imports, body).call("get-risk-level", "any") == LEVELS[level]


def test_a_module_that_exits_traps() -> None:
    guest = wasi(f'{NEW}"proc_exit" (func $f (param i32)))', "(call $f (i32.const 0)) i32.const 0")
    with pytest.raises(wasmtime.WasmtimeError, match="unreachable"):
        guest.call("get-risk-level", "any")


def test_a_reactor_is_initialised_before_its_first_call() -> None:
    start = '(global $ready (mut i32) (i32.const 0)) (func (export "_initialize") (global.set $ready (i32.const 2)))'
    assert (
        Guest(converted(module(start, "global.get $ready")), "tool-plugin").call("get-risk-level", "any")
        == "risky"
    )
