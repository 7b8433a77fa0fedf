"""A module's imports and exports with their types, read from its compiled form. No code of it runs."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from wasmtime import Engine, Module, component

from tarkpm.host.worker.engine import Failure, made, make_engine
from tarkpm.host.worker.interfaces import EXPORTS
from tarkpm.host.worker.legacy_abi import fitting
from tarkpm.host.worker.legacy_abi.abi import NEEDED
from tarkpm.host.worker.settings import part_name
from tarkpm.host.worker.signatures import Unfit, check
from tarkpm.host.worker.wit_text import Speller, core

MAX_TEXT: Final = 1 << 20
"""Maximum characters of all names and types together."""
MAX_ITEMS: Final = 10_000

_KINDS = {
    component.ComponentInstanceType: "interface",
    component.FuncType: "function",
    component.ComponentType: "component",
    component.ModuleType: "module",
    component.ResourceType: "resource",
}

SurfaceDict = dict[str, Any]
"""An item in the form of `messages.Item`."""


def read(code: bytes | int, form: str, stack: int, *, parts: int, is_core: bool) -> dict[str, Any]:
    """Return ``imports`` and ``exports`` as `SurfaceDict`s, and ``unfit``: the misfit of each plugin type.

    ``code`` is a module, or a component's compiled code, as ``form`` says; ``parts`` of it were outlined, and
    their imports are left out. Raises `Failure`.
    """
    engine = make_engine(stack, mapped=isinstance(code, int))
    if is_core:
        return _of_module(made(engine, code, form, Module))
    return _of_component(made(engine, code, form, component.Component), engine, parts)


def _of_component(compiled: component.Component, engine: Engine, parts: int) -> dict[str, Any]:
    room = _Room()
    outlined = frozenset(map(part_name, range(parts)))
    try:
        imports = [
            _item(name, found.ty, engine, room)
            for name, found in compiled.type.imports(engine).items()
            if name not in outlined
        ]
        exports = [
            _item(name, found.ty, engine, room) for name, found in compiled.type.exports(engine).items()
        ]
        return {"imports": imports, "exports": exports, "unfit": _unfit(compiled, engine, parts)}
    except TypeError as problem:  # raised by wasmtime-py for a kind of item it does not know
        raise Failure("invalid", f"has a type that tark does not know: {problem}") from None


def _of_module(module: Module) -> dict[str, Any]:
    """Describe a core module. Each module it imports from is one item."""
    room, imports = _Room(), dict[str, SurfaceDict]()
    for found in module.imports:
        item = imports.setdefault(found.module, _empty(found.module, "module"))
        item["members"][found.name] = room.take(core(found.type), found.name or "")
    exports = [
        _empty(found.name, "item") | {"type": room.take(core(found.type), found.name)}
        for found in module.exports
    ]
    return {"imports": list(imports.values()), "exports": exports, "unfit": _unfit_core(module)}


class _Room:
    """The remaining size of a description: a small module can declare types of any length."""

    def __init__(self) -> None:
        self._text, self._items = MAX_TEXT, MAX_ITEMS

    def take(self, text: str, name: str) -> str:
        """Return ``text``, which describes ``name``. Raises `Failure` if the limit is exceeded."""
        self._text -= len(text) + len(name)
        self._items -= 1
        if self._text < 0 or self._items < 0:
            raise Failure("invalid", "has more imports, exports and types than can be shown")
        return text


def _empty(name: str, kind: str) -> SurfaceDict:
    return {"name": name, "kind": kind, "type": "", "members": {}, "types": {}}


def _item(name: str, ty: Any, engine: Engine, room: _Room) -> SurfaceDict:
    item = _empty(name, _KINDS.get(type(ty), "type"))
    room.take("", name)
    if isinstance(ty, component.ComponentInstanceType):
        found = {member: extern.ty for member, extern in ty.exports(engine).items()}
        item["types"] = types = _types(found.items(), room)
        speller = Speller({text: name for name, text in types.items()})
        for member, inside in found.items():
            if member not in types:
                item["members"][member] = room.take(_spelled(inside, speller), member)
    elif not isinstance(ty, component.ComponentType | component.ModuleType | component.ResourceType):
        item["type"] = room.take(Speller().spell(ty), name)
    return item


def _types(found: Iterable[tuple[str, Any]], room: _Room) -> dict[str, str]:
    """Return the types that an interface names; each is spelled with the names before it."""
    names: dict[str, str] = {}
    types: dict[str, str] = {}
    for name, ty in found:
        if isinstance(ty, component.ValType) and not isinstance(ty, component.FuncType):
            text = types[name] = room.take(Speller(names).spell(ty), name)
            if "{" in text or "<" in text:  # but not an alias: `string` says more than its other name
                names.setdefault(text, name)
    return types


def _spelled(ty: Any, speller: Speller) -> str:
    return (
        _KINDS[type(ty)]
        if type(ty) in _KINDS and not isinstance(ty, component.FuncType)
        else speller.spell(ty)
    )


def _unfit(compiled: component.Component, engine: Engine, parts: int) -> Mapping[str, str]:
    reasons = {}
    for kind in EXPORTS:
        try:
            check(compiled, engine, kind, parts)
        except Unfit as problem:
            reasons[kind] = str(problem)
    return reasons


def _unfit_core(module: Module) -> Mapping[str, str]:
    reasons = {}
    for kind in NEEDED:
        try:
            fitting.check(module, kind)
        except Unfit as problem:
            reasons[kind] = str(problem)
    return reasons
