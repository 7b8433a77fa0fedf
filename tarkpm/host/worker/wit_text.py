"""Types of a compiled component or module as text of limited length, in the spelling of the WIT.

A few bytes of a component can declare a type of a million parts, so each text has a maximum number of parts.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import wasmtime
from wasmtime import component

MAX_PARTS: Final = 2_000
"""Maximum parts of one type; the largest of tark's own has 12."""
ELLIPSIS: Final = "…"

_PLAIN = {
    getattr(component, name): name.lower()
    for name in ("Bool", "S8", "S16", "S32", "S64", "U8", "U16", "U32", "U64", "F32", "F64", "Char", "String")
}


class Speller:
    """Spells types: those in ``names`` (text to name) by their name, others in full."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._names = names or {}
        self._left = MAX_PARTS

    def spell(self, ty: Any) -> str:
        """Return the text of a type. `ELLIPSIS` replaces the parts beyond `MAX_PARTS`."""
        self._left = MAX_PARTS
        return self._text(ty)

    def _text(self, ty: Any) -> str:
        self._left -= 1
        if self._left < 0:
            return ELLIPSIS
        plain = _PLAIN.get(type(ty))
        if plain is not None:
            return plain
        compound = _COMPOUND.get(type(ty))
        text = compound(self, ty) if compound else type(ty).__name__.removesuffix("Type").lower()
        return self._names.get(text, text)

    def _function(self, ty: Any) -> str:
        result = "" if ty.result is None else f" -> {self._text(ty.result)}"
        return f"func({self._named(ty.params)}){result}"

    def _record(self, ty: Any) -> str:
        return f"record{{{self._named(ty.fields)}}}"

    def _tuple(self, ty: Any) -> str:
        return f"tuple<{', '.join(map(self._text, ty.elements))}>"

    def _variant(self, ty: Any) -> str:
        cases = (name if case is None else f"{name}({self._text(case)})" for name, case in ty.cases)
        return f"variant{{{', '.join(cases)}}}"

    def _named(self, items: list[tuple[str, Any]]) -> str:
        return ", ".join(f"{name}: {self._text(ty)}" for name, ty in items)

    def _maybe(self, ty: Any) -> str:
        return "_" if ty is None else self._text(ty)


_COMPOUND: Mapping[type, Callable[[Speller, Any], str]] = {
    component.FuncType: Speller._function,
    component.RecordType: Speller._record,
    component.TupleType: Speller._tuple,
    component.VariantType: Speller._variant,
    component.ListType: lambda speller, ty: f"list<{speller._text(ty.element)}>",
    component.OptionType: lambda speller, ty: f"option<{speller._text(ty.payload)}>",
    component.ResultType: lambda speller, ty: f"result<{speller._maybe(ty.ok)}, {speller._maybe(ty.err)}>",
    component.EnumType: lambda _, ty: f"enum{{{', '.join(ty.names)}}}",
    component.FlagsType: lambda _, ty: f"flags{{{', '.join(ty.names)}}}",
}


def core(ty: Any) -> str:
    """Return the text of a core type: ``func(i32, i32) -> i32``, ``memory``, ``global i32``, ``table``."""
    match ty:
        case wasmtime.FuncType():
            results = ", ".join(map(str, ty.results))
            return f"func({', '.join(map(str, ty.params))})" + (f" -> {results}" if results else "")
        case wasmtime.GlobalType():
            return f"global {ty.content}"
    return type(ty).__name__.removesuffix("Type").lower()
