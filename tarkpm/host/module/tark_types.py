"""The function types of package tark:plugin as text, and the comparison of a component with them.

The loader compares what wasmtime reads from compiled code, all other callers what `component` reads from the
binary: one comparison, so that the two cannot disagree about what fits. Worker processes import this module,
so it imports nothing heavy. A test compares the tables with `wit/*.wit` and with `worker.interfaces`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

_T = TypeVar("_T")

PACKAGE: Final = "tark:plugin/"
MAX_REPORTED: Final = 5
ASYNC: Final = "async "
"""How the text of an async function's type begins."""
SYNC: Final = (
    "build it with the wit folder of tark, which declares a func "
    "(componentize-py --wit-path wit, componentize-qjs --sync --wit wit)"
)
"""What makes it callable. The flag --sync alone does not: a func that the WIT declares as async stays so."""

_DONE: Final = "result<_, string>"
_HEADERS: Final = "list<tuple<string, string>>"
_RESPONSE: Final = (
    f"result<record{{status: u16, headers: {_HEADERS}, body: string}}, "
    "record{message: string, status: option<u16>}>"
)
_ENTRY: Final = "record{name: string, kind: enum{file, directory, other}, size: u64}"

IMPORTS: Final[Mapping[str, Mapping[str, str]]] = {
    "storage": {
        "get": "func(key: string) -> option<string>",
        "set": f"func(key: string, value: string) -> {_DONE}",
        "delete": f"func(key: string) -> {_DONE}",
        "list-keys": "func() -> list<string>",
    },
    "http": {
        "get": f"func(url: string, headers: {_HEADERS}) -> {_RESPONSE}",
        "post": f"func(url: string, body: string, headers: {_HEADERS}) -> {_RESPONSE}",
    },
    "env": {"get": "func(name: string) -> option<string>"},
    "log": dict.fromkeys(("debug", "info", "warn", "error"), "func(message: string)"),
    "shell": {
        "run": "func(argv: list<string>, stdin: option<string>, cwd: option<string>, timeout-ms: option<u32>)"
        " -> result<record{exit-code: s32, stdout: string, stderr: string}, string>",
    },
    "filesystem": {
        "read": "func(path: string) -> result<string, string>",
        "write": f"func(path: string, content: string) -> {_DONE}",
        "list": f"func(path: string) -> result<list<{_ENTRY}>, string>",
        "stat": f"func(path: string) -> result<{_ENTRY}, string>",
        "remove": f"func(path: string) -> {_DONE}",
    },
    "clock": {"now": "func() -> u64", "monotonic": "func() -> u64"},
    "random": {"bytes": "func(count: u32) -> list<u8>", "number": "func() -> u64"},
}
"""The functions that tark provides to a plugin, by interface."""

EXPORTS: Final[Mapping[str, Mapping[str, str]]] = {
    "tool": {
        "get-tools": "func() -> list<record{name: string, description: string, parameters-schema: string}>",
        "get-risk-level": "func(tool-name: string) -> enum{read-only, write, risky, dangerous}",
        "execute": "func(tool-name: string, arguments: string)"
        " -> record{success: bool, output: string, error: option<string>}",
    },
    "auth": {
        "display-name": "func() -> string",
        "status": "func() -> enum{not-authenticated, authenticated, expired}",
        "start-device-flow": "func() -> result<record{device-code: string, user-code: string, "
        "verification-url: string, expires-in: u64, interval: u64}, string>",
        "poll": "func(device-code: string) -> variant{pending, success(string), expired, error(string)}",
        "get-token": "func() -> result<string, string>",
        "logout": f"func() -> {_DONE}",
    },
    "provider": {
        "name": "func() -> string",
        "models": "func() -> list<string>",
        "chat": "func(messages: list<record{role: enum{system, user, assistant, tool}, content: string}>, "
        "model: string) -> result<record{text: string, "
        "usage: option<record{input-tokens: u32, output-tokens: u32}>}, string>",
    },
    "hook": {
        "events": "func() -> list<string>",
        "handle": "func(event: string, payload: string) -> variant{continue, replace(string), stop(string)}",
    },
}
"""The functions that a plugin of each type exports, in the interface ``<type>-plugin``."""


def compare_import(name: str, found: Mapping[str, _T], spell: Callable[[_T], str]) -> Iterator[str]:
    """Yield how the functions of an imported interface of tark differ from those that tark provides."""
    provided = IMPORTS[name.removeprefix(PACKAGE)]
    for function, kind in found.items():
        if function not in provided:
            yield f"imports {function!r} of {name}, which has no such function"
        elif (text := spell(kind)) != provided[function]:
            yield _difference(f"import {name} {function}", provided[function], text)


def compare_export(plugin_type: str, found: Mapping[str, _T], spell: Callable[[_T], str]) -> Iterator[str]:
    """Yield how the functions of an exported plugin interface differ from those of its type."""
    for function, wanted in EXPORTS[plugin_type].items():
        text = spell(found[function]) if function in found else "nothing"
        if text != wanted:
            yield _difference(f"export {PACKAGE}{plugin_type}-plugin {function}", wanted, text)


def _difference(what: str, wanted: str, found: str) -> str:
    if found.startswith(ASYNC):
        return f"{what} is an async func, which tark does not support; {SYNC}"
    return f"{what}: expected {wanted}, found {found}"


def joined(differences: list[str]) -> str:
    """Return one sentence of at most `MAX_REPORTED` differences."""
    more = f"; and {len(differences) - MAX_REPORTED} more" if len(differences) > MAX_REPORTED else ""
    return "; ".join(differences[:MAX_REPORTED]) + more
