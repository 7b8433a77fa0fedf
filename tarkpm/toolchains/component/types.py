"""Types of an interface as a component's binary has them.

The types of exported functions must be named (component model, `Binary.md`: valid external types), so each
named type is defined and then imported or exported under its name; what uses it refers to the name.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from tarkpm.toolchains.component.binary import extern, leb, name, signed, vector
from tarkpm.toolchains.component.wit import Compound, Definition, Named, Type, WitFunction, WitInterface

_PRIMITIVES: Final = {
    "bool": 0x7F, "s8": 0x7E, "u8": 0x7D, "s16": 0x7C, "u16": 0x7B, "s32": 0x7A, "u32": 0x79, "s64": 0x78,
    "u64": 0x77, "f32": 0x76, "f64": 0x75, "char": 0x74, "string": 0x73,
}  # fmt: skip
_COMPOUNDS: Final = {"list": 0x70, "tuple": 0x6F, "option": 0x6B, "result": 0x6A}


def function_of(kind: int) -> bytes:
    """Return the externdesc of a function of this type."""
    return b"\x01" + leb(kind)


def equal_to(kind: int) -> bytes:
    """Return the externdesc of a type that equals this one."""
    return b"\x03\x00" + leb(kind)


class Space(Protocol):
    """Where types are defined."""

    def define(self, item: bytes) -> int:
        """Define a type, return its index."""

    def named(self, text: str, kind: int) -> int:
        """Give a type a name, return the index of the named type."""


class InstanceSpace:
    """The declarations of an instance type."""

    def __init__(self) -> None:
        self._items: list[bytes] = []
        self._count = 0

    def define(self, item: bytes) -> int:
        """Define a type, return its index."""
        self._items.append(b"\x01" + item)
        self._count += 1
        return self._count - 1

    def named(self, text: str, kind: int) -> int:
        """Export a type, return the index of the exported type."""
        self._items.append(b"\x04" + extern(text) + equal_to(kind))
        self._count += 1
        return self._count - 1

    def function(self, text: str, kind: int) -> None:
        """Export a function."""
        self._items.append(b"\x04" + extern(text) + function_of(kind))

    def finish(self) -> bytes:
        """Return the instance type."""
        return b"\x42" + vector(self._items)


class Types:
    """Encodes an interface's types into a space, each once."""

    def __init__(self, interface: WitInterface, space: Space) -> None:
        self._interface = interface
        self._space = space
        self.names: dict[str, int] = {}
        self._made: dict[Compound, bytes] = {}

    def function(self, function: WitFunction) -> int:
        """Define a function's type."""
        params = vector(name(label) + self.value(kind) for label, kind in function.params)
        result = b"\x01\x00" if function.result is None else b"\x00" + self.value(function.result)
        return self._space.define(b"\x40" + params + result)

    def value(self, kind: Type) -> bytes:
        """Return a value type, defining what it refers to."""
        if isinstance(kind, str):
            return bytes([_PRIMITIVES[kind]])
        if isinstance(kind, Named):
            return signed(self.name(kind.name))
        if kind not in self._made:
            self._made[kind] = signed(self._space.define(self._compound(kind)))
        return self._made[kind]

    def name(self, text: str) -> int:
        """Return the index of a named type, defining it."""
        if text not in self.names:
            made = self._space.define(self._definition(self._interface.types[text]))
            self.names[text] = self._space.named(text, made)
        return self.names[text]

    def _compound(self, kind: Compound) -> bytes:
        code = bytes([_COMPOUNDS[kind.kind]])
        if kind.kind == "result":
            return code + b"".join(map(self._optional, kind.items))
        items = [self.value(item) for item in kind.items if item is not None]
        return code + (vector(items) if kind.kind == "tuple" else items[0])

    def _optional(self, kind: Type | None) -> bytes:
        return b"\x00" if kind is None else b"\x01" + self.value(kind)

    def _definition(self, found: Definition) -> bytes:
        if found.kind == "enum":
            return b"\x6d" + vector(name(label) for label, _ in found.items)
        if found.kind == "record":
            return b"\x72" + vector(name(label) + self.value(kind) for label, kind in found.items if kind)
        # The last byte of a case: no refinement.
        return b"\x71" + vector(name(label) + self._optional(kind) + b"\x00" for label, kind in found.items)


def used_names(interface: WitInterface, functions: Iterable[WitFunction]) -> list[str]:
    """Return the named types that functions refer to, each after those it refers to."""
    found: dict[str, None] = {}

    def visit(kind: Type | None) -> None:
        if isinstance(kind, Compound):
            for item in kind.items:
                visit(item)
        elif isinstance(kind, Named) and kind.name not in found:
            for _, item in interface.types[kind.name].items:
                visit(item)
            found[kind.name] = None

    for function in functions:
        for _, kind in function.params:
            visit(kind)
        visit(function.result)
    return list(found)
