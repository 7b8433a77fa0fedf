"""A component without its big core modules, which become imports, so that plugins can share compiled code.

In plugins that one version of componentize-py built, three core modules (the interpreter, libc, the runtime)
are byte for byte the same, and have 99 % of the code. Outlined, they are compiled once for all of them.
`outlined` replaces each core module section by two sections, the module's own type and an import of that
type; the index spaces stay as they are, so everything else is copied.

A component with something that this module does not understand is left as it is. It decides nothing: wasmtime
validates the rest like any component, and each module against the type that is declared here.

Format: the component model's `Binary.md` (core:type, import) and the core specification, 5.5.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from tarkpm.host.module.reader import Malformed, Reader
from tarkpm.host.worker.settings import part_name

MIN_CODE: Final = 128 << 10
"""Bytes of code that are worth an entry of the cache, and a process to compile them."""
MAX_PARTS: Final = 4
MAX_SECTIONS: Final = 50_000
MAX_SURFACE: Final = 512 << 10
"""Bytes of all that is read item by item, in all parts together. CPython has 73 KB."""

_CORE_MODULE, _CORE_TYPE, _IMPORT = 1, 3, 10
_TYPES, _IMPORTS, _FUNCTIONS, _TABLES, _MEMORIES, _GLOBALS, _EXPORTS = range(1, 8)
_CODE, _DATA = 10, 11
_MODULE_TYPE: Final = 0x50
_FUNC, _TABLE, _MEMORY, _GLOBAL = range(4)
_HEADER: Final = b"\0asm\x0d\0\x01\0"
_CORE_HEADER: Final = b"\0asm\x01\0\0\0"


class Outlined(NamedTuple):
    """A component whose n-th of ``parts`` is imported as `part_name` (n)."""

    rest: bytes
    parts: tuple[memoryview, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 digests of the parts."""
        return tuple(hashlib.sha256(part).hexdigest() for part in self.parts)


def outlined(wasm: bytes) -> Outlined | None:
    """Return a component with its big core modules outlined, or None if there are none, or any doubt."""
    if wasm[:8] != _HEADER:
        return None
    try:
        return _outlined(memoryview(wasm))
    except (Malformed, _Unknown):
        return None


class _Unknown(Exception):
    """Something that this module does not outline."""


def _outlined(wasm: memoryview) -> Outlined | None:
    rest: list[bytes | memoryview] = [_HEADER]
    parts: list[memoryview] = []
    room = _Room()
    for kind, whole, body in _sections(wasm, 8, room):
        if kind == _CORE_TYPE:
            # The types that are added here would shift the indices of these.
            raise _Unknown
        if kind == _CORE_MODULE and _is_shared(body, room) and _is_new(body, parts):
            rest += _declared(len(parts), _module_type(body, room))
            parts.append(body)
        else:
            rest.append(whole)
    return Outlined(b"".join(rest), tuple(parts)) if parts else None


class _Room:
    """What may still be read. Python reads slowly, and a file of 256 MB can have 100 million sections."""

    def __init__(self) -> None:
        self._sections, self._bytes = MAX_SECTIONS, MAX_SURFACE

    def take(self, sections: int, size: int) -> None:
        """Raise `_Unknown` if there is no room for so many sections, and bytes of items."""
        self._sections -= sections
        self._bytes -= size
        if self._sections < 0 or self._bytes < 0:
            raise _Unknown


def _sections(wasm: memoryview, at: int, room: _Room) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Yield the id, the whole and the contents of each section."""
    reader = Reader(wasm, at, len(wasm))
    while reader.at < reader.end:
        start = reader.at
        kind = reader.byte()
        inside = reader.span("section")
        room.take(1, 0)
        yield kind, wasm[start : reader.at], wasm[inside.at : inside.end]


def _is_new(module: memoryview, parts: list[memoryview]) -> bool:
    """Return whether there is room for this part, and it is not there twice: it is named by its digest."""
    return len(parts) < MAX_PARTS and module not in parts


def _is_shared(module: memoryview, room: _Room) -> bool:
    """Return whether other plugins may well have this module: it has much code and no data.

    A module with data was initialised with what is the plugin's own (QuickJS has one module for everything).
    """
    if bytes(module[:8]) != _CORE_HEADER:
        raise _Unknown
    sizes = {kind: len(body) for kind, _, body in _sections(module, 8, room)}
    return sizes.get(_CODE, 0) >= MIN_CODE and sizes.get(_DATA, 0) <= 1


def _declared(number: int, module_type: bytes) -> list[bytes]:
    name = part_name(number).encode()
    named = b"\0" + _u32(len(name)) + name
    imported = b"\x01" + named + b"\x00\x11" + _u32(number)  # one import: a core module of core type `number`
    return [_section(_CORE_TYPE, b"\x01" + module_type), _section(_IMPORT, imported)]


def _section(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + _u32(len(body)) + body


def _module_type(module: memoryview, room: _Room) -> bytes:
    """Return the type of a core module, as a `core:moduletype`."""
    bodies = {kind: body for kind, _, body in _sections(module, 8, room) if kind}
    surface = _Surface()
    for kind in (_TYPES, _IMPORTS, _FUNCTIONS, _TABLES, _MEMORIES, _GLOBALS, _EXPORTS):
        if kind in bodies:
            room.take(0, len(bodies[kind]))
            surface.read(kind, bodies[kind])
    return bytes((_MODULE_TYPE,)) + _u32(len(surface.declarations)) + b"".join(surface.declarations)


class _Surface:
    """The declarations of a module's type; types and the sorts of items are kept as bytes."""

    def __init__(self) -> None:
        self.declarations: list[bytes] = []
        self._spaces: tuple[list[bytes], ...] = ([], [], [], [])

    def read(self, kind: int, body: memoryview) -> None:
        reader = Reader(body, 0, len(body))
        count = reader.count()
        item = {
            _TYPES: self._type, _IMPORTS: self._import, _FUNCTIONS: self._function, _TABLES: self._table,
            _MEMORIES: self._memory, _GLOBALS: self._global, _EXPORTS: self._export,
        }[kind]  # fmt: skip
        for _ in range(count):
            item(reader)

    def _type(self, reader: Reader) -> None:
        start = reader.at
        if reader.byte() != 0x60:  # a function; types of the GC proposal refer to each other by index
            raise _Unknown
        for _ in range(2):
            for _ in range(reader.count()):
                _value_type(reader)
        self.declarations.append(b"\x01" + bytes(reader.data[start : reader.at]))

    def _import(self, reader: Reader) -> None:
        start = reader.at
        reader.name()
        reader.name()
        described = reader.at
        sort = reader.byte()
        if sort > _GLOBAL:
            raise _Unknown
        (_index, _table_type, _limits, _global_type)[sort](reader)
        self._spaces[sort].append(bytes(reader.data[described : reader.at]))
        self.declarations.append(b"\0" + bytes(reader.data[start : reader.at]))

    def _function(self, reader: Reader) -> None:
        start = reader.at
        reader.u32()
        self._spaces[_FUNC].append(b"\0" + bytes(reader.data[start : reader.at]))

    def _table(self, reader: Reader) -> None:
        start = reader.at
        _table_type(reader)
        self._spaces[_TABLE].append(b"\x01" + bytes(reader.data[start : reader.at]))

    def _memory(self, reader: Reader) -> None:
        start = reader.at
        _limits(reader)
        self._spaces[_MEMORY].append(b"\x02" + bytes(reader.data[start : reader.at]))

    def _global(self, reader: Reader) -> None:
        start = reader.at
        _global_type(reader)
        self._spaces[_GLOBAL].append(b"\x03" + bytes(reader.data[start : reader.at]))
        _skip_constant(reader)

    def _export(self, reader: Reader) -> None:
        start = reader.at
        reader.name()
        named = bytes(reader.data[start : reader.at])
        sort = reader.byte()
        index = reader.u32()
        if sort > _GLOBAL or index >= len(self._spaces[sort]):
            raise _Unknown
        self.declarations.append(b"\x03" + named + self._spaces[sort][index])


def _index(reader: Reader) -> None:
    reader.u32()


def _value_type(reader: Reader) -> None:
    # i32, i64, f32, f64, v128, funcref, externref; other reference types can refer to types by index
    if reader.byte() not in (0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70, 0x6F):
        raise _Unknown


def _table_type(reader: Reader) -> None:
    if reader.byte() not in (0x70, 0x6F):  # 0x40: a table with an initial value
        raise _Unknown
    _limits(reader)


def _limits(reader: Reader) -> None:
    flags = reader.byte()
    if flags > 1:  # shared memories, 64-bit memories, custom page sizes
        raise _Unknown
    for _ in range(1 + flags):
        reader.u32()


def _global_type(reader: Reader) -> None:
    _value_type(reader)
    if reader.byte() > 1:
        raise _Unknown


def _skip_constant(reader: Reader) -> None:
    """Skip a constant expression (core specification, 3.3.10)."""
    while (instruction := reader.byte()) != 0x0B:
        if instruction in (0x23, 0xD2):  # global.get, ref.func
            reader.u32()
        elif instruction in (0x41, 0x42):  # i32.const, i64.const: any LEB128
            while reader.byte() & 0x80:
                pass
        elif instruction in (0x43, 0x44):  # f32.const, f64.const
            for _ in range(4 if instruction == 0x43 else 8):
                reader.byte()
        elif instruction == 0xD0:  # ref.null
            reader.byte()
        elif instruction not in (0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E):
            raise _Unknown


def _u32(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
