"""The host functions of the older ABI: each call is forwarded to the parent, and its answer is bounded.

A bad argument is answered with a code and never reaches the parent. An answer is written completely, at the
guest's pointer, or not at all.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from wasmtime import Memory

from tarkpm.host.ipc.frames import HOISTED, LONG, Texts
from tarkpm.host.worker.legacy_abi.abi import (
    BAD,
    DENIED,
    IMPORTS,
    MAX_ENV,
    MAX_RESULT,
    UNREADABLE,
)
from tarkpm.host.worker.legacy_abi.ffi import CoreAnswer
from tarkpm.host.worker.legacy_abi.memory import MASK, OutOfRange, View
from tarkpm.host.worker.plugin_instance import AskParent
from tarkpm.host.worker.wit import Meter

_NUL: Final = HOISTED.encode()
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

GetMemory = Callable[[], Memory]
"""Returns the memory of the calling guest."""


class _Bad(ValueError):
    """An argument is invalid."""


def answering(interface: str, function: str, ask: AskParent, limit: int, memory: GetMemory) -> CoreAnswer:
    """Return the implementation of an import; one call may pass ``limit`` bytes of text (`wit.TooMuch`)."""
    parameters = IMPORTS[interface][function]
    shape = _SHAPES[interface]
    longest = MAX_ENV if interface == "env" else MAX_RESULT

    def answer(context: Any, given: list[int]) -> int:
        view = View(context, memory())
        meter = Meter(limit)
        try:
            args, target = _taken(view, parameters, given, meter)
        except (OutOfRange, _Bad):
            return BAD
        said = shape(ask(interface, function, args, meter.texts))
        if isinstance(said, int):
            return said
        # The ABI passes no capacity of the buffer, so a longer answer would overrun it (decision 0050).
        if len(said) > longest:
            _tell(ask, interface, function, len(said), longest)
            return UNREADABLE
        try:
            view.write(target, said)
        except OutOfRange:
            return BAD
        return len(said)

    return answer


def _taken(view: View, parameters: str, given: list[int], meter: Meter) -> tuple[list[Any], int]:
    """Return the parent's arguments and the result's pointer. Raises `OutOfRange`, `_Bad`, `TooMuch`."""
    rest = iter(given)
    args: list[Any] = []
    target = 0
    for parameter in parameters:
        value = next(rest)
        if parameter in "sh":
            length = next(rest) & MASK
            view.check(value, length)
            meter.charge(length)  # before anything is copied
            text = view.read(value, length)
            args.append(_text(text, meter) if parameter == "s" else _headers(text, meter))
        elif parameter == "r":
            target = view.check(value, 1)  # first: a call whose result cannot be written must have no effect
        elif parameter == "w" and value < 0:
            raise _Bad
        else:
            args.append(max(0, value))
    return args, target


def _text(raw: bytes, meter: Meter) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _Bad from None
    return meter.texts.hoist(raw) if len(raw) >= LONG or raw.startswith(_NUL) else text


def _headers(raw: bytes, meter: Meter) -> Any:
    """Read JSON ``[[name, value], …]``; an empty text has no headers."""
    try:
        found = json.loads(raw.decode()) if raw else []
        if type(found) is not list or not all(_is_pair(item) for item in found):
            raise _Bad
        return meter.texts.hoisted([[_sendable(text) for text in pair] for pair in found])
    except (ValueError, RecursionError):
        raise _Bad from None


def _is_pair(item: Any) -> bool:
    return type(item) is list and len(item) == 2 and all(type(part) is str for part in item)


def _sendable(text: str) -> str:
    text.encode()  # JSON can contain half a surrogate pair, which is not Unicode: a `ValueError`
    return text


def _tell(ask: AskParent, interface: str, function: str, length: int, longest: int) -> None:
    what = f"the answer to {interface}.{function} is {length:,} bytes long"
    ask("log", "warn", [f"{what}; this plugin's ABI accepts {longest:,}"], Texts())


# The parent's answer, as bytes to write or as a code


def _is_refused(value: Any) -> bool:
    error = value.get("err") if type(value) is dict else None
    return type(error) is dict and bool(error.get("denied"))


def _storage(value: Any) -> bytes | int:
    """Return a text, or nothing, for `get`, and a code for the other functions."""
    if _is_refused(value):
        return DENIED
    if type(value) is dict:
        return BAD if "err" in value else 0
    return _maybe(value)


def _maybe(value: Any) -> bytes | int:
    if _is_refused(value):
        return DENIED
    return b"" if value is None else str(value).encode()


def _nothing(_value: Any) -> int:
    return 0


def _http(value: Any) -> bytes | int:
    if _is_refused(value):
        return DENIED
    answer = value["ok"] if "ok" in value else {"error": value["err"]["message"]}
    return _encode(answer).encode()


def _file(value: Any) -> bytes | int:
    if _is_refused(value):
        return DENIED
    return value["ok"].encode() if "ok" in value else UNREADABLE


def _socket(value: Any) -> bytes | int:
    """Return ``{ok, …}``: the handle of a connection, a received message, or an error."""
    if _is_refused(value):
        return DENIED
    if "err" in value:
        return _encode({"ok": False, "error": value["err"]["message"]}).encode()
    found = value["ok"]
    more = found if type(found) is dict else {} if found is None else {"handle": found}
    return _encode({"ok": True, **more}).encode()


_SHAPES: Final[Mapping[str, Callable[[Any], bytes | int]]] = {
    "storage": _storage,
    "http": _http,
    "env": _maybe,
    "log": _nothing,
    "fs": _file,
    "ws": _socket,
}
