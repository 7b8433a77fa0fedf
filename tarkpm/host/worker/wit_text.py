"""Types of a compiled component or module as text of limited length, in the spelling of the WIT.

A few bytes of a component can declare a type of a million parts, so each text has a maximum number of parts.
"""

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, Final

import wasmtime
from wasmtime import _ffi as ffi
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
        # wasmtime-py does not expose it, and a call of an async function traps
        head = "async func" if _is_async(ty.ptr()) else "func"
        return f"{head}({self._named(ty.params)}){result}"

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
            results = ", ".join(map(core_value, ty.results))
            return f"func({', '.join(map(core_value, ty.params))})" + (f" -> {results}" if results else "")
        case wasmtime.GlobalType():
            return f"global {core_value(ty.content)}"
    return type(ty).__name__.removesuffix("Type").lower()


def core_value(ty: Any) -> str:
    """Return the text of a core value type.

    Not ``str(ty)``: wasmtime's C API aborts the process if it is asked for the kind of v128 or of a reference
    (WebAssembly/wasm-c-api#106).
    """
    found = ffi.wasmtime_valtype_t()
    ffi.wasmtime_valtype_new(ty.ptr(), ctypes.byref(found))
    try:
        kind, heap = int(found.kind), int(found.reftype.heaptype.kind)
        if kind < len(_VALUES):
            return _VALUES[kind]
        null = "null " if found.reftype.nullable else ""
        return f"(ref {null}{_HEAPS[heap] if heap < len(_HEAPS) else 'unknown'})"
    finally:
        ffi.wasmtime_valtype_delete(ctypes.byref(found))


# In the order of wasmtime's `types/val.h`. A concrete type has no name, so it is shown as the kind it is of.
_VALUES: Final = ("i32", "i64", "f32", "f64", "v128")
_HEAPS: Final = (
    "extern", "noextern", "func", "func", "nofunc", "any", "none", "eq", "i31", "array", "array", "struct",
    "struct", "exn", "exn", "noexn",
)  # fmt: skip

_is_async = ffi.dll.wasmtime_component_func_type_async
_is_async.restype = ctypes.c_bool
_is_async.argtypes = [ctypes.POINTER(ffi.wasmtime_component_func_type_t)]
