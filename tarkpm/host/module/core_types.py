"""The types of a core module's imports and exports, read from the binary without compiling it.

The older ABI has functions of numbers and one memory. What is beyond that (`Unreadable`) is left to wasmtime.

Format: the core specification, 5.5 (sections 1, 2, 3, 5 and 7).
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from tarkpm.host.module.legacy_abi import ORDINARY
from tarkpm.host.module.reader import Malformed, Reader
from tarkpm.host.module.type_scope import Unreadable

MAX_BYTES: Final = 512 * 1024
"""Maximum bytes of the sections that are read, which bounds the time."""

_VALUES: Final = {
    0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128", 0x70: "(ref null func)",
    0x6F: "(ref null extern)",
}  # fmt: skip
_KINDS: Final = ("FuncType", "TableType", "MemoryType", "GlobalType", "TagType")
"""The text of items without a known type, which is the name of their class in wasmtime-py."""

_T = TypeVar("_T")
Import = tuple[str, str, str]
"""Module, name and text of the type."""


def read_core_types(data: bytes | memoryview) -> tuple[list[Import], dict[str, str]]:
    """Return imports, and the types of exports by name, as texts. Raises `Unreadable`."""
    try:
        return _Module(Reader(data, 8, len(data))).surface()
    except Malformed as problem:
        raise Unreadable(str(problem)) from None


class _Module:
    def __init__(self, file: Reader) -> None:
        self._sections: dict[int, Reader] = {}
        left = MAX_BYTES
        while file.at < file.end:
            section, body = file.byte(), file.span("section")
            if section in (1, 2, 3, 5, 7):
                left -= body.end - body.at
                self._sections[section] = body  # a second one of a kind is invalid
        if left < 0:
            raise Unreadable("more types than are read")
        self._types = [_function_type(body) for body in self._items(1)]
        self._functions: list[int] = []
        self._memories: list[str] = []

    def _items(self, section: int) -> Sequence[Reader]:
        """Return the section's reader, once for each of its items; none for a section that is missing."""
        body = self._sections.get(section)
        return [] if body is None else [body] * body.count()

    def surface(self) -> tuple[list[Import], dict[str, str]]:
        imports = [self._import(body) for body in self._items(2)]
        self._functions += [body.u32() for body in self._items(3)]
        self._memories += [_memory(body) for body in self._items(5)]
        return imports, dict(self._export(body) for body in self._items(7))

    def _import(self, body: Reader) -> Import:
        module, name, kind = body.name(), body.name(), body.byte()
        text = _KINDS[kind] if kind < len(_KINDS) else ""
        if kind == 0:
            self._functions.append(body.u32())
            text = _at(self._types, self._functions[-1])
        elif kind == 1:
            _value(body)
            _memory(body)
        elif kind == 2:
            text = _memory(body)
            self._memories.append(text)
        elif kind == 3:
            _value(body)
            body.byte()
        elif kind == 4:
            body.byte()
            body.u32()
        else:
            raise Unreadable(f"an import of kind {kind}")
        return module, name, text

    def _export(self, body: Reader) -> tuple[str, str]:
        name, kind, index = body.name(), body.byte(), body.u32()
        if kind >= len(_KINDS):
            raise Unreadable(f"an export of kind {kind}")
        if kind == 0:
            return name, _at(self._types, _at(self._functions, index))
        return name, _at(self._memories, index) if kind == 2 else _KINDS[kind]


def _at(space: Sequence[_T], index: int) -> _T:
    if index >= len(space):
        raise Unreadable("an index of nothing")
    return space[index]


def _function_type(body: Reader) -> str:
    if body.byte() != 0x60:
        raise Unreadable("a type that is not a function's")
    params = ", ".join(_value(body) for _ in range(body.count()))
    results = ", ".join(_value(body) for _ in range(body.count()))
    return f"({params})" + (f" -> {results}" if results else "")


def _value(body: Reader) -> str:
    code = body.byte()
    if code not in _VALUES:
        raise Unreadable(f"type {code:#x}")
    return _VALUES[code]


def _memory(body: Reader) -> str:
    """Read the limits of a memory or table; bits: maximum, shared, 64-bit, page size."""
    flags = body.byte()
    body.u32(64)
    if flags & 1:
        body.u32(64)
    if flags & 8:
        body.u32()
    return _KINDS[2] if flags & ~1 else ORDINARY
