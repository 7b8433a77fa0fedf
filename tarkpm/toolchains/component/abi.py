"""The core signatures of WIT functions (component model, `CanonicalABI.md`: flattening)."""

from collections.abc import Sequence
from typing import Final

from tarkpm.toolchains.component.wit import Compound, Definition, Named, Type, WitFunction, WitInterface

MAX_FLAT_PARAMS: Final = 16
MAX_FLAT_RESULTS: Final = 1
_FLAT: Final = {"string": ("i32", "i32"), "u64": ("i64",), "s64": ("i64",), "f32": ("f32",), "f64": ("f64",)}


def signature(interface: WitInterface, function: WitFunction, *, lower: bool) -> str:
    """Return the core type of a function, like ``(i32, i32) -> i32``.

    ``lower`` is for an import, whose large result is written to an address that the caller passes; an export
    returns the address instead.
    """
    params = [core for _, kind in function.params for core in flat(interface, kind)]
    if len(params) > MAX_FLAT_PARAMS:
        params = ["i32"]
    results = list(flat(interface, function.result)) if function.result is not None else []
    if len(results) > MAX_FLAT_RESULTS:
        results = [] if lower else ["i32"]
        params += ["i32"] * lower
    return core_type(params, results)


def core_type(params: Sequence[str], results: Sequence[str]) -> str:
    """Return a core function type as text."""
    return f"({', '.join(params)})" + (f" -> {', '.join(results)}" if results else "")


def flat(interface: WitInterface, kind: Type | None) -> tuple[str, ...]:
    """Return the core values that a WIT value is passed as."""
    if kind is None:
        return ()
    if isinstance(kind, str):
        return _FLAT.get(kind, ("i32",))
    if isinstance(kind, Named):
        return _flat_definition(interface, interface.types[kind.name])
    return _flat_compound(interface, kind)


def _flat_compound(interface: WitInterface, kind: Compound) -> tuple[str, ...]:
    if kind.kind == "list":
        return ("i32", "i32")
    if kind.kind == "tuple":
        return tuple(core for item in kind.items for core in flat(interface, item))
    cases = (None, *kind.items) if kind.kind == "option" else kind.items
    return _flat_variant(interface, cases)


def _flat_definition(interface: WitInterface, found: Definition) -> tuple[str, ...]:
    kinds = [kind for _, kind in found.items]
    if found.kind == "record":
        return tuple(core for kind in kinds for core in flat(interface, kind))
    return _flat_variant(interface, kinds)


def _flat_variant(interface: WitInterface, cases: Sequence[Type | None]) -> tuple[str, ...]:
    payload: list[str] = []
    for case in cases:
        for index, core in enumerate(flat(interface, case)):
            if index == len(payload):
                payload.append(core)
            else:
                payload[index] = _join(payload[index], core)
    return ("i32", *payload)


def _join(left: str, right: str) -> str:
    if left == right:
        return left
    return "i32" if {left, right} == {"i32", "f32"} else "i64"
