"""The index spaces of a component or of a type in it, and the types defined there.

Format: the component model's `Binary.md` (deftype, alias, importdecl, exportdecl, externdesc).
"""

from collections.abc import Callable
from typing import Any, Final

from tarkpm.host.module.reader import Reader, extern_name

MAX_DEPTH: Final = 20
"""Maximum nesting of components, and of types that declare types."""

Type = Any
"""A tuple that begins with the kind: ``("string",)``, ``("list", element)``, ``("func", is_async, parameters,
result)`` and so on, as `type_text` reads them; ``("instance" or "component", exports)``; or `UNKNOWN`.

In an index space or in exports it may be a function that returns one of these.
"""
UNKNOWN: Final = ("unknown",)
Exports = dict[str, tuple[int, Type]]
"""Sort and type of each exported item, by name."""

FUNC, TYPE, COMPONENT, INSTANCE = 1, 3, 4, 5

_PLAIN: Final = {
    code: (name,)
    for code, name in {
        0x7F: "bool", 0x7E: "s8", 0x7D: "u8", 0x7C: "s16", 0x7B: "u16", 0x7A: "s32", 0x79: "u32", 0x78: "s64",
        0x77: "u64", 0x76: "f32", 0x75: "f64", 0x74: "char", 0x73: "string", 0x64: "error-context",
    }.items()
}  # fmt: skip


class Unreadable(Exception):
    """The component uses a form that this reader does not know, or has more types than it reads."""


class Scope:
    """The index spaces of one component, or of one component or instance type."""

    def __init__(self, outer: "Scope | None") -> None:
        self.outer = outer
        self.depth: int = outer.depth + 1 if outer else 0
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deeply")
        self.spaces: dict[int, list[Type]] = {FUNC: [], TYPE: [], COMPONENT: [], INSTANCE: []}
        self.imports: Exports = {}
        self.exports: Exports = {}

    def item(self, sort: int, index: int) -> Type:
        """Return an item of a sort by its index; `UNKNOWN` for a sort that is not followed."""
        space = self.spaces.get(sort)
        if space is None:
            return UNKNOWN
        if index >= len(space):
            raise Unreadable("an index of nothing")
        found = space[index] = settled(space[index])
        return found

    def add(self, sort: int, found: Type) -> None:
        """Give an item the next index of its sort."""
        if sort in self.spaces:
            self.spaces[sort].append(found)

    def take_import(self, body: Reader) -> None:
        """Read an import."""
        name = extern_name(body)
        sort, found = self.description(body)
        self.imports[name] = sort, found
        self.add(sort, found)

    def take_export(self, body: Reader) -> None:
        """Read an export declaration of a type."""
        name = extern_name(body)
        sort, found = self.description(body)
        self.exports[name] = sort, found
        self.add(sort, found)

    def description(self, body: Reader) -> tuple[int, Type]:
        """Read what an import or export is declared as. Returns its sort and its type."""
        sort = body.byte()
        if sort == 0:
            body.byte()
            body.u32()
            return sort, UNKNOWN
        if sort in (FUNC, COMPONENT, INSTANCE):
            return sort, self.item(TYPE, body.u32())
        if sort == TYPE:
            return sort, self.item(TYPE, body.u32()) if body.byte() == 0 else ("resource",)
        raise Unreadable(f"an item of sort {sort}")

    def take_alias(self, body: Reader) -> None:
        """Read an alias: of an instance's export, of a core instance's, or of an outer scope's item."""
        sort, target = read_sort(body), body.byte()
        if target == 0:
            exports = exports_of(self.item(INSTANCE, body.u32()))
            self.add(sort, exports.get(body.name(), (sort, UNKNOWN))[1])
        elif target == 1:
            body.u32()
            body.name()
        else:
            self.add(sort, self._outward(body.u32()).item(sort, body.u32()))

    def _outward(self, count: int) -> "Scope":
        scope = self
        for _ in range(min(count, MAX_DEPTH + 1)):
            if scope.outer is None:
                raise Unreadable("an alias of nothing")
            scope = scope.outer
        return scope

    # Types

    def define_type(self, body: Reader) -> None:
        """Read a type definition."""
        code = body.byte()
        read = _TYPES.get(code)
        if code not in _PLAIN and read is None:
            raise Unreadable(f"type {code:#x}")
        self.add(TYPE, read(self, body) if read else _PLAIN[code])

    def value_type(self, body: Reader) -> Type:
        """Read a plain type or the index of a type; as signed integers, the former are negative."""
        if body.at < body.end and body.data[body.at] in _PLAIN:
            return _PLAIN[body.byte()]
        return self.item(TYPE, body.u32())

    def result_list(self, body: Reader) -> Type | None:
        """Read a function's result type; None for no result."""
        if body.byte() == 0:
            return self.value_type(body)
        body.byte()
        return None

    def _maybe(self, body: Reader) -> Type | None:
        return self.value_type(body) if body.byte() else None

    def _labelled(self, body: Reader) -> list[tuple[str, Type]]:
        return [(body.name(), self.value_type(body)) for _ in range(body.count())]

    def _variant(self, body: Reader) -> Type:
        cases = []
        for _ in range(body.count()):
            cases.append((body.name(), self._maybe(body)))
            body.byte()
        return "variant", cases

    def _resource(self, body: Reader) -> Type:
        body.byte()
        if body.byte():
            body.u32()
        return ("resource",)

    def _function(self, body: Reader, *, is_async: bool) -> Type:
        return "func", is_async, self._labelled(body), self.result_list(body)

    def _declared(self, body: Reader, kind: str) -> Type:
        """Read a component or instance type, which has index spaces of its own."""
        inside = Scope(self)
        read = {1: inside.define_type, 2: inside.take_alias, 3: inside.take_import, 4: inside.take_export}
        for _ in range(body.count()):
            declare = read.get(body.byte())
            if declare is None:
                raise Unreadable("a core type in a type")
            declare(body)
        return kind, inside.exports


def settled(found: Type) -> Type:
    """Return an item whose reading was put off."""
    while callable(found):
        found = found()
    return found


def exports_of(found: Type) -> Exports:
    """Return the exports of an instance or component; none for other items."""
    found = settled(found)
    return found[1] if found[0] in ("instance", "component") else {}


def read_sort(body: Reader) -> int:
    """Read the sort of an item; 0 for every core sort."""
    sort = body.byte()
    if sort == 0:
        body.byte()
    return sort


def _names(body: Reader) -> list[str]:
    return [body.name() for _ in range(body.count())]


def _opaque(kind: str, read: Callable[[Scope, Reader], object]) -> Callable[[Scope, Reader], Type]:
    """Return a reader of a type whose contents no interface of tark has."""

    def skip(scope: Scope, body: Reader) -> Type:
        read(scope, body)
        return (kind,)

    return skip


_TYPES: Final[dict[int, Callable[[Scope, Reader], Type]]] = {
    0x72: lambda scope, body: ("record", scope._labelled(body)),
    0x71: Scope._variant,
    0x70: lambda scope, body: ("list", scope.value_type(body)),
    0x6F: lambda scope, body: ("tuple", [scope.value_type(body) for _ in range(body.count())]),
    0x6E: lambda _, body: ("flags", _names(body)),
    0x6D: lambda _, body: ("enum", _names(body)),
    0x6B: lambda scope, body: ("option", scope.value_type(body)),
    0x6A: lambda scope, body: ("result", scope._maybe(body), scope._maybe(body)),
    0x69: _opaque("own", lambda _, body: body.u32()),
    0x68: _opaque("borrow", lambda _, body: body.u32()),
    0x66: _opaque("stream", Scope._maybe),
    0x65: _opaque("future", Scope._maybe),
    0x3F: Scope._resource,
    0x40: lambda scope, body: scope._function(body, is_async=False),
    0x41: lambda scope, body: scope._declared(body, "component"),
    0x42: lambda scope, body: scope._declared(body, "instance"),
    0x43: lambda scope, body: scope._function(body, is_async=True),
}
