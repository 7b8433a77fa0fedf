"""Types read by `component` as text of limited length, in the spelling of `worker.wit_text`."""

from collections.abc import Callable
from typing import Final

from tarkpm.host.module.type_scope import UNKNOWN, Type, Unreadable

MAX_PARTS: Final = 2_000
"""Maximum parts of one type: a few bytes can declare a type of a million."""
MAX_DEPTH: Final = 100
ELLIPSIS: Final = "…"


def spell(found: Type) -> str:
    """Return the text of a type. Raises `Unreadable` if a part of it is not known."""
    return _Spelling().text(found, 0)


class _Spelling:
    def __init__(self) -> None:
        self._left = MAX_PARTS

    def text(self, found: Type, depth: int) -> str:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            return ELLIPSIS
        kind, *parts = found

        def inner(part: Type | None) -> str:
            return "_" if part is None else self.text(part, depth + 1)

        if found == UNKNOWN:
            raise Unreadable("a type that was not followed")
        compound = _COMPOUND.get(kind)
        return compound(inner, *parts) if compound else str(kind)


_Inner = Callable[[Type | None], str]
_Named = list[tuple[str, Type | None]]


def _func(inner: _Inner, is_async: bool, params: _Named, result: Type | None) -> str:
    head = "async func" if is_async else "func"
    return f"{head}({_fields(inner, params)})" + ("" if result is None else f" -> {inner(result)}")


def _fields(inner: _Inner, items: _Named) -> str:
    return ", ".join(f"{name}: {inner(part)}" for name, part in items)


def _variant(inner: _Inner, cases: _Named) -> str:
    return ", ".join(name if part is None else f"{name}({inner(part)})" for name, part in cases)


_COMPOUND: Final[dict[str, Callable[..., str]]] = {
    "func": _func,
    "record": lambda inner, fields: f"record{{{_fields(inner, fields)}}}",
    "variant": lambda inner, cases: f"variant{{{_variant(inner, cases)}}}",
    "tuple": lambda inner, parts: f"tuple<{', '.join(map(inner, parts))}>",
    "list": lambda inner, element: f"list<{inner(element)}>",
    "option": lambda inner, payload: f"option<{inner(payload)}>",
    "result": lambda inner, ok, err: f"result<{inner(ok)}, {inner(err)}>",
    "enum": lambda _, names: f"enum{{{', '.join(names)}}}",
    "flags": lambda _, names: f"flags{{{', '.join(names)}}}",
}
