"""The binary format of components and core modules, as much as a wrapper around a module needs.

Format: the component model's `Binary.md`, and the core specification, chapter 5.
"""

from collections.abc import Iterable, Sequence
from typing import Final

COMPONENT: Final = b"\0asm\x0d\0\x01\0"
CORE: Final = b"\0asm\x01\0\0\0"
FUNC, TABLE, MEMORY = 0, 1, 2
"""Core sorts."""
CORE_VALUES: Final = {"i32": 0x7F, "i64": 0x7E, "f32": 0x7D, "f64": 0x7C}
_FROM_COMPONENT, _FROM_CORE = b"\x00", b"\x01"
_COMPONENT_SORTS: Final = {"func": 1, "type": 3, "component": 4, "instance": 5}


def leb(number: int) -> bytes:
    """Return an unsigned LEB128 integer."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def signed(number: int) -> bytes:
    """Return a signed LEB128 integer that is not negative: an ``i32.const``, or a type index as a value type.

    A type index is signed where a primitive, which is negative, may stand (`Binary.md`: valtype).
    """
    out = bytearray()
    while number > 0x3F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def name(text: str) -> bytes:
    """Return a name: its length, then UTF-8."""
    data = text.encode()
    return leb(len(data)) + data


def extern(text: str) -> bytes:
    """Return the name of a component's import or export."""
    return b"\x00" + name(text)


def vector(items: Iterable[bytes]) -> bytes:
    """Return a vector: its length, then its items."""
    listed = list(items)
    return leb(len(listed)) + b"".join(listed)


def section(number: int, *items: bytes) -> bytes:
    """Return a section that is a vector of items."""
    body = vector(items)
    return bytes([number]) + leb(len(body)) + body


def core_function_type(params: Sequence[str], results: Sequence[str]) -> bytes:
    """Return a core function type."""
    values = [vector(bytes([CORE_VALUES[core]]) for core in side) for side in (params, results)]
    return b"\x60" + values[0] + values[1]


class ComponentWriter:
    """A component, written one section at a time; each method returns the index of what it defines."""

    def __init__(self) -> None:
        self._out = bytearray(COMPONENT)
        self._next: dict[str, int] = {}

    def finish(self) -> bytes:
        """Return the component."""
        return bytes(self._out)

    def _add(self, space: str, number: int, item: bytes) -> int:
        self._out += section(number, item)
        self._next[space] = self._next.get(space, 0) + 1
        return self._next[space] - 1

    def _add_whole(self, space: str, number: int, data: bytes) -> int:
        self._out += bytes([number]) + leb(len(data)) + data
        self._next[space] = self._next.get(space, 0) + 1
        return self._next[space] - 1

    def core_module(self, data: bytes) -> int:
        """Embed a core module."""
        return self._add_whole("core module", 1, data)

    def component(self, data: bytes) -> int:
        """Embed a component."""
        return self._add_whole("component", 4, data)

    def core_instantiate(self, module: int, arguments: Iterable[tuple[str, int]] = ()) -> int:
        """Instantiate a core module with core instances by name."""
        given = vector(name(key) + b"\x12" + leb(instance) for key, instance in arguments)
        return self._add("core instance", 2, b"\x00" + leb(module) + given)

    def core_bundle(self, exports: Iterable[tuple[str, int, int]]) -> int:
        """Make a core instance of items: name, core sort, index."""
        items = vector(name(key) + bytes([sort]) + leb(index) for key, sort, index in exports)
        return self._add("core instance", 2, b"\x01" + items)

    def core_alias(self, sort: int, instance: int, export: str) -> int:
        """Take an export of a core instance."""
        item = bytes([0, sort]) + _FROM_CORE + leb(instance) + name(export)
        return self._add(f"core {sort}", 6, item)

    def alias(self, sort: str, instance: int, export: str) -> int:
        """Take an export of an instance."""
        item = bytes([_COMPONENT_SORTS[sort]]) + _FROM_COMPONENT + leb(instance) + name(export)
        return self._add(sort, 6, item)

    def type(self, item: bytes) -> int:
        """Define a type."""
        return self._add("type", 7, item)

    def lower(self, function: int, options: bytes) -> int:
        """Make a core function of a component's."""
        return self._add(f"core {FUNC}", 8, b"\x01\x00" + leb(function) + options)

    def lift(self, function: int, options: bytes, kind: int) -> int:
        """Make a component's function of a core function."""
        return self._add("func", 8, b"\x00\x00" + leb(function) + options + leb(kind))

    def import_(self, text: str, sort: str, described: bytes) -> int:
        """Import something: `described` is its externdesc."""
        return self._add(sort, 10, extern(text) + described)

    def instantiate(self, component: int, arguments: Iterable[tuple[str, str, int]]) -> int:
        """Instantiate a component with items: name, sort, index."""
        given = vector(name(key) + bytes([_COMPONENT_SORTS[sort]]) + leb(at) for key, sort, at in arguments)
        return self._add("instance", 5, b"\x00" + leb(component) + given)

    def export(self, text: str, sort: str, index: int, described: bytes | None = None) -> int:
        """Export something, with an ascribed type if given; the export is an item of its own."""
        ascribed = b"\x00" if described is None else b"\x01" + described
        return self._add(sort, 11, extern(text) + bytes([_COMPONENT_SORTS[sort]]) + leb(index) + ascribed)


def canonical_options(memory: int | None, realloc: int | None, post: int | None = None) -> bytes:
    """Return canonopts: UTF-8 strings in this memory."""
    options = [b"\x00"]
    options += [b"\x03" + leb(memory)] if memory is not None else []
    options += [b"\x04" + leb(realloc)] if realloc is not None else []
    options += [b"\x05" + leb(post)] if post is not None else []
    return vector(options)
