"""The kind, imports and exports of a WebAssembly binary, read without running or compiling it.

Only the outermost sections are parsed. Nested modules and components are skipped, so an 18 MB plugin takes as
long as a small one. Every count, name and integer is bounded by its container. The result is the file's
claim; wasmtime validates the file when it is compiled, in a worker.

Format: the component model's `Binary.md` (sections 10 and 11, externname, externdesc) and the core
specification, 5.5 (sections 2 and 7).
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from tarkpm.core.patterns import lazy_pattern
from tarkpm.errors import ModuleInvalid
from tarkpm.host.module import legacy_abi
from tarkpm.host.module.reader import Malformed, Reader, extern_name
from tarkpm.host.module.tark_types import EXPORTS, IMPORTS, PACKAGE

MAGIC: Final = b"\0asm"
CORE: Final = b"\x01\0\0\0"
COMPONENT: Final = b"\x0d\0\x01\0"
# These limits end the parsing of hostile files early; real plugins stay far below them.
MAX_SECTIONS: Final = 20_000
MAX_NAMES: Final = 10_000

INTERFACES: Final = frozenset(PACKAGE + name for name in IMPORTS)
"""Interfaces that tark provides to a component."""
WASI: Final = lazy_pattern(r"wasi:(?:cli|clocks|filesystem|io|random|sockets)/[a-z-]+@0\.2\.[0-9]+")
"""WASI interfaces that wasmtime provides with an empty configuration.

Not ``wasi:http``: wasmtime has no allow-list of hosts for it.
"""
WORLDS: Final = tuple(EXPORTS)

_SORTS: Final = ("core", "func", "value", "type", "component", "instance")


class ModuleInfo(msgspec.Struct, frozen=True):
    """The imported and exported names of a binary; a core module imports ``module.name``."""

    kind: Literal["component", "core"]
    imports: tuple[str, ...]
    exports: tuple[str, ...]

    @property
    def unknown_imports(self) -> tuple[str, ...]:
        """Return the imports that tark does not provide."""
        if self.kind == "core":
            return legacy_abi.unknown(self.imports)
        return tuple(name for name in self.imports if not is_known(name))

    @property
    def abi(self) -> Literal["tark:plugin", "older tark ABI", ""]:
        """Return which ABI of tark the binary is built for, even if it does not fit; "" for neither."""
        if self.kind == "core":
            return "older tark ABI" if legacy_abi.is_meant(self.imports, self.exports) else ""
        return "tark:plugin" if any(PACKAGE in name for name in (*self.imports, *self.exports)) else ""

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Return the short names of the tark interfaces it imports, without duplicates."""
        if self.kind == "core":
            return legacy_abi.interfaces(self.imports)
        return tuple(name.removeprefix(PACKAGE) for name in self.imports if name in INTERFACES)

    @property
    def kinds(self) -> frozenset[str]:
        """Return the kinds of capability that grant the interfaces it imports."""
        return frozenset(legacy_abi.GRANTED_BY.get(name, name) for name in self.interfaces)

    @property
    def worlds(self) -> tuple[str, ...]:
        """Return the plugin types whose exports this binary has."""
        if self.kind == "core":
            return legacy_abi.types(self.exports)
        return tuple(world for world in WORLDS if f"{PACKAGE}{world}-plugin" in self.exports)


def is_known(name: str) -> bool:
    """Return whether tark provides an import of this name."""
    return name in INTERFACES or WASI.fullmatch(name) is not None


def inspect(data: bytes | memoryview, *, where: str = "") -> ModuleInfo:
    """Read the imports and exports of a binary. Raises `ModuleInvalid` if it is malformed."""
    try:
        return _inspect(data)
    except Malformed as problem:
        raise ModuleInvalid(str(problem), where=where) from None


def _inspect(data: bytes | memoryview) -> ModuleInfo:
    # First: wasmtime would also accept WAT text and compile it.
    if data[:4] != MAGIC:
        raise Malformed(_not_wasm(data))
    if data[4:8] == COMPONENT:
        imports, exports = _surface(data, {10: _component_import, 11: _component_export}, last=12)
        return ModuleInfo("component", tuple(imports), tuple(exports))
    if data[4:8] == CORE:
        imports, exports = _surface(data, {2: _core_import, 7: _core_export}, last=13)
        return ModuleInfo("core", tuple(dict.fromkeys(imports)), tuple(exports))
    raise Malformed(f"expected a WebAssembly component, found version bytes {data[4:8].hex()!r}")


def _not_wasm(data: bytes | memoryview) -> str:
    head = bytes(data[:64]).lstrip()
    if not data:
        return "expected a WebAssembly binary, found an empty file"
    if head.startswith((b"(", b";;")):
        return "expected a WebAssembly binary, found WebAssembly text"
    return f"expected a WebAssembly binary, found a file that begins with {bytes(data[:4])!r}"


_Item = Callable[[Reader], str]


def _surface(
    data: bytes | memoryview, readers: dict[int, _Item], *, last: int
) -> tuple[list[str], list[str]]:
    """Return the names in two kinds of section: imports (the first of ``readers``) and exports."""
    file = Reader(data, 8, len(data))
    names: dict[int, list[str]] = {section: [] for section in readers}
    for _ in range(MAX_SECTIONS):
        if file.at == file.end:
            imports, exports = names.values()
            return imports, exports
        start, section = file.at, file.byte()
        # An unknown section could hold imports that this parser does not see.
        if section > last:
            raise Malformed(f"the module has a section of unknown kind {section} at byte {start:,}")
        body = file.span("section")
        if section in readers:
            _names(body, readers[section], names[section])
    raise Malformed(f"the module has more than {MAX_SECTIONS:,} sections")


def _names(body: Reader, read: _Item, found: list[str]) -> None:
    # Checked before reading: the count is the file's claim.
    count = body.u32()
    if len(found) + count > MAX_NAMES:
        raise Malformed(f"the module has more than {MAX_NAMES:,} imports or exports")
    found.extend(read(body) for _ in range(count))
    # Otherwise entries behind the declared count would be skipped here.
    if body.at != body.end:
        raise Malformed(
            f"the module has a section with extra bytes after its last entry, at byte {body.at:,}"
        )


def _component_import(body: Reader) -> str:
    name = extern_name(body)
    _extern_description(body)
    return name


def _component_export(body: Reader) -> str:
    name = extern_name(body)
    # The sort "core" is followed by a core sort (Binary.md, sort).
    if _sort(body) == 0:
        body.byte()
    body.u32()
    if body.byte():  # an ascribed type follows
        _extern_description(body)
    return name


def _sort(body: Reader) -> int:
    sort = body.byte()
    if sort >= len(_SORTS):
        raise Malformed(f"the module has an item of unknown sort {sort} at byte {body.at - 1:,}")
    return sort


def _extern_description(body: Reader) -> None:
    sort = _SORTS[_sort(body)]
    has_index = True
    if sort in ("core", "value"):
        body.byte()
    elif sort == "type":
        bound = body.byte()
        if bound > 1:
            raise Malformed(f"the module has a type bound of unknown kind {bound} at byte {body.at - 1:,}")
        has_index = bound == 0  # 1 is a fresh resource type
    if has_index:
        body.u32()


def _core_import(body: Reader) -> str:
    name = f"{body.name()}.{body.name()}"
    kind = body.byte()
    # func, table, memory, global and tag (core specification, 5.5.5).
    if kind == 0:
        body.u32()
    elif kind in (1, 2):
        _core_limits(body, is_table=kind == 1)
    elif kind in (3, 4):
        body.byte()
        body.u32()
    else:
        raise Malformed(f"the module has an import of unknown kind {kind} at byte {body.at - 1:,}")
    return name


def _core_limits(body: Reader, *, is_table: bool) -> None:
    if is_table:
        body.byte()
    # Bit 0: there is a maximum; bit 2: 64-bit addresses (core specification, Limits).
    flags = body.byte()
    bits = 64 if flags & 4 else 32
    body.u32(bits)
    if flags & 1:
        body.u32(bits)


def _core_export(body: Reader) -> str:
    name = body.name()
    body.byte()
    body.u32()
    return name
