"""The kind, imports and exports of a WebAssembly binary, read without running or compiling it.

Only the outermost sections are parsed. Nested modules and components are skipped, so an 18 MB plugin takes as
long as a small one. Every count, name and integer is bounded by its container. The result is the file's
claim; wasmtime validates the file when it is compiled, in a worker.

Format: the component model's `Binary.md` (sections 10 and 11, externname, externdesc) and the core
specification, 5.5 (sections 2 and 7).
"""

import re
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from tarkpm.core.text import neutral
from tarkpm.errors import ModuleInvalid
from tarkpm.host.module import legacy_abi

MAGIC: Final = b"\0asm"
CORE: Final = b"\x01\0\0\0"
COMPONENT: Final = b"\x0d\0\x01\0"
# These limits end the parsing of hostile files early; real plugins stay far below them.
MAX_SECTIONS: Final = 20_000
MAX_NAMES: Final = 10_000
MAX_NAME: Final = 1_024

PACKAGE: Final = "tark:plugin/"
INTERFACES: Final = frozenset(
    PACKAGE + name for name in ("storage", "http", "env", "log", "shell", "filesystem", "clock", "random")
)
"""Interfaces that tark provides to a component."""
WASI: Final = re.compile(r"wasi:(?:cli|clocks|filesystem|io|random|sockets)/[a-z-]+@0\.2\.[0-9]+")
"""WASI interfaces that wasmtime provides with an empty configuration.

Not ``wasi:http``: wasmtime has no allow-list of hosts for it.
"""
WORLDS: Final = ("auth", "tool", "provider", "hook")

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


def check_fits(info: ModuleInfo, plugin_type: str) -> str | None:
    """Return why this binary cannot run as a plugin of this type, in one sentence; None if it can."""
    if info.kind == "core":
        return legacy_abi.misfit(info.imports, info.exports, plugin_type)
    # Imports first: with an unknown one the component cannot be instantiated, whatever it exports.
    if info.unknown_imports:
        return f"imports {neutral(info.unknown_imports[0], limit=200)!r}, which tark does not provide"
    if plugin_type not in info.worlds:
        found = " and ".join(f"{world}-plugin" for world in info.worlds) or "no tark plugin interface"
        return f"exports {found} but the manifest says {plugin_type}"
    return None


def inspect(data: bytes | memoryview, *, where: str = "") -> ModuleInfo:
    """Read the imports and exports of a binary. Raises `ModuleInvalid` if it is malformed."""
    try:
        return _inspect(data)
    except _Malformed as problem:
        raise ModuleInvalid(str(problem), where=where) from None


class _Malformed(Exception):
    """The binary is malformed; the message completes a sentence about it."""


def _inspect(data: bytes | memoryview) -> ModuleInfo:
    # First: wasmtime would also accept WAT text and compile it.
    if data[:4] != MAGIC:
        raise _Malformed(_not_wasm(data))
    if data[4:8] == COMPONENT:
        imports, exports = _surface(data, {10: _component_import, 11: _component_export}, last=12)
        return ModuleInfo("component", tuple(imports), tuple(exports))
    if data[4:8] == CORE:
        imports, exports = _surface(data, {2: _core_import, 7: _core_export}, last=13)
        return ModuleInfo("core", tuple(dict.fromkeys(imports)), tuple(exports))
    raise _Malformed(f"expected a WebAssembly component, found version bytes {data[4:8].hex()!r}")


def _not_wasm(data: bytes | memoryview) -> str:
    head = bytes(data[:64]).lstrip()
    if not data:
        return "expected a WebAssembly binary, found an empty file"
    if head.startswith((b"(", b";;")):
        return "expected a WebAssembly binary, found WebAssembly text"
    return f"expected a WebAssembly binary, found a file that begins with {bytes(data[:4])!r}"


class _Reader:
    """A cursor over ``data[at:end]`` that never reads past the end."""

    def __init__(self, data: bytes | memoryview, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def byte(self) -> int:
        if self.at >= self.end:
            raise _Malformed(f"ends unexpectedly at byte {self.at:,}")
        self.at += 1
        return self.data[self.at - 1]

    def u32(self, bits: int = 32) -> int:
        """Read a LEB128 integer of at most ``bits`` bits (core specification, 5.2.2)."""
        start, value = self.at, 0
        for shift in range(0, bits, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        else:
            raise _Malformed(f"has an unterminated integer at byte {start:,}")
        if value >> bits:
            raise _Malformed(f"has an integer of more than {bits} bits at byte {start:,}")
        return value

    def span(self, what: str) -> "_Reader":
        """Read a length and return a reader of the bytes it covers; this reader skips them."""
        start, length = self.at, self.u32()
        if self.at + length > self.end:
            raise _Malformed(f"has a {what} at byte {start:,} that runs past its end")
        inside = _Reader(self.data, self.at, self.at + length)
        self.at += length
        return inside

    def name(self) -> str:
        inside = self.span("name")
        if inside.end - inside.at > MAX_NAME:
            raise _Malformed(f"has a name of more than {MAX_NAME:,} bytes at byte {inside.at:,}")
        try:
            return bytes(self.data[inside.at : inside.end]).decode("utf-8")
        except UnicodeDecodeError:
            raise _Malformed(f"has a name that is not UTF-8 at byte {inside.at:,}") from None


_Item = Callable[[_Reader], str]


def _surface(
    data: bytes | memoryview, readers: dict[int, _Item], *, last: int
) -> tuple[list[str], list[str]]:
    """Return the names in two kinds of section: imports (the first of ``readers``) and exports."""
    file = _Reader(data, 8, len(data))
    names: dict[int, list[str]] = {section: [] for section in readers}
    for _ in range(MAX_SECTIONS):
        if file.at == file.end:
            imports, exports = names.values()
            return imports, exports
        start, section = file.at, file.byte()
        # An unknown section could hold imports that this parser does not see.
        if section > last:
            raise _Malformed(f"has a section of unknown kind {section} at byte {start:,}")
        body = file.span("section")
        if section in readers:
            _names(body, readers[section], names[section])
    raise _Malformed(f"has more than {MAX_SECTIONS:,} sections")


def _names(body: _Reader, read: _Item, found: list[str]) -> None:
    # Checked before reading: the count is the file's claim.
    count = body.u32()
    if len(found) + count > MAX_NAMES:
        raise _Malformed(f"has more than {MAX_NAMES:,} imports or exports")
    found.extend(read(body) for _ in range(count))
    # Otherwise entries behind the declared count would be skipped here.
    if body.at != body.end:
        raise _Malformed(f"has a section with extra bytes after its last entry, at byte {body.at:,}")


def _component_import(body: _Reader) -> str:
    name = _extern_name(body)
    _extern_description(body)
    return name


def _component_export(body: _Reader) -> str:
    name = _extern_name(body)
    # The sort "core" is followed by a core sort (Binary.md, sort).
    if _sort(body) == 0:
        body.byte()
    body.u32()
    if body.byte():  # an ascribed type follows
        _extern_description(body)
    return name


def _extern_name(body: _Reader) -> str:
    kind = body.byte()
    if kind > 2:
        raise _Malformed(f"has a name of unknown kind {kind} at byte {body.at - 1:,}")
    name = body.name()
    if kind == 2:  # options: implements, version suffix, external id
        for _ in range(min(body.u32(), MAX_NAMES)):
            body.byte()
            body.name()
    return name


def _sort(body: _Reader) -> int:
    sort = body.byte()
    if sort >= len(_SORTS):
        raise _Malformed(f"has an item of unknown sort {sort} at byte {body.at - 1:,}")
    return sort


def _extern_description(body: _Reader) -> None:
    sort = _SORTS[_sort(body)]
    has_index = True
    if sort in ("core", "value"):
        body.byte()
    elif sort == "type":
        bound = body.byte()
        if bound > 1:
            raise _Malformed(f"has a type bound of unknown kind {bound} at byte {body.at - 1:,}")
        has_index = bound == 0  # 1 is a fresh resource type
    if has_index:
        body.u32()


def _core_import(body: _Reader) -> str:
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
        raise _Malformed(f"has an import of unknown kind {kind} at byte {body.at - 1:,}")
    return name


def _core_limits(body: _Reader, *, is_table: bool) -> None:
    if is_table:
        body.byte()
    # Bit 0: there is a maximum; bit 2: 64-bit addresses (core specification, Limits).
    flags = body.byte()
    bits = 64 if flags & 4 else 32
    body.u32(bits)
    if flags & 1:
        body.u32(bits)


def _core_export(body: _Reader) -> str:
    name = body.name()
    body.byte()
    body.u32()
    return name
