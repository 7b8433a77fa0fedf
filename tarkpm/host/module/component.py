"""The types of a component's imports and exports, read from the binary without compiling it.

Items have types by index, so the index spaces of types, functions, instances and components are followed:
through aliases, nested components and their instances. What is beyond this reader (`Unreadable`) is left to
wasmtime, which validates every component before it runs.

Format: the component model's `Binary.md`.
"""

from collections.abc import Callable
from typing import Final

from tarkpm.host.module.reader import Malformed, Reader, extern_name
from tarkpm.host.module.type_scope import (
    COMPONENT,
    FUNC,
    INSTANCE,
    TYPE,
    UNKNOWN,
    Exports,
    Scope,
    Type,
    Unreadable,
    exports_of,
    read_sort,
)

MAX_BYTES: Final = 512 * 1024
"""Maximum bytes of the sections that are read, which bounds the time. All of WASI takes 30 KB."""

MAX_SECTIONS: Final = 20_000
"""Maximum number of sections, of every kind."""

_CANON: Final = {
    0x01: "bio", 0x02: "i", 0x03: "i", 0x04: "i", 0x05: "", 0x06: "b", 0x07: "i", 0x08: "", 0x09: "ro",
    0x0A: "bi", 0x0B: "bi", 0x0C: "b", 0x0D: "", 0x0E: "i", 0x0F: "io", 0x10: "io", 0x11: "ib", 0x12: "ib",
    0x13: "i", 0x14: "i", 0x15: "i", 0x16: "io", 0x17: "io", 0x18: "ib", 0x19: "ib", 0x1A: "i", 0x1B: "i",
    0x1C: "o", 0x1D: "o", 0x1E: "", 0x1F: "", 0x20: "bi", 0x21: "bi", 0x22: "", 0x23: "", 0x24: "", 0x25: "",
}  # fmt: skip
"""Operands of the canonical functions that define core functions: index, byte, options, result list."""


def read_types(data: bytes | memoryview) -> tuple[Exports, Exports]:
    """Return the types of a component's imports and exports. Raises `Unreadable`."""
    try:
        component = _Component(Reader(data, 8, len(data)), None, _Room())
    except (Malformed, RecursionError) as problem:
        raise Unreadable(str(problem)) from None
    return component.imports, component.exports


def functions(item: tuple[int, Type]) -> dict[str, Type]:
    """Return the types of the functions in an imported or exported interface. Raises `Unreadable`."""
    try:
        return {name: found for name, (sort, found) in exports_of(item[1]).items() if sort == FUNC}
    except (Malformed, RecursionError) as problem:
        raise Unreadable(str(problem)) from None


class _Room:
    """The sections, and their bytes, that may still be read, in all nested components together."""

    def __init__(self) -> None:
        self._left = MAX_BYTES
        self._sections = MAX_SECTIONS

    def step(self) -> None:
        self._sections -= 1
        if self._sections < 0:
            raise Unreadable("more sections than are read")

    def take(self, body: Reader) -> None:
        self._left -= body.end - body.at
        if self._left < 0:
            raise Unreadable("more types than are read")


class _Component(Scope):
    """A component, read to its end."""

    def __init__(self, file: Reader, outer: Scope | None, room: _Room) -> None:
        super().__init__(outer)
        self._room = room
        self._functions_known = True
        read = {
            5: self._define_instance,
            6: self.take_alias,
            7: self.define_type,
            8: self._define_canonical,
            10: self.take_import,
            11: self.take_export,
        }
        while file.at < file.end:
            room.step()  # a section of another kind takes time as well
            section, body = file.byte(), file.span("section")
            if section == COMPONENT:
                self.add(COMPONENT, self._later(body))
            elif section in read:
                room.take(body)
                for _ in range(body.count()):
                    read[section](body)

    def _later(self, body: Reader) -> Callable[[], Type]:
        """Put off reading a nested component until something asks for its exports: most are not needed."""
        body.at += 8  # its magic number and version
        return lambda: ("component", _Component(body, self, self._room).exports)

    def item(self, sort: int, index: int) -> Type:
        if sort == FUNC and not self._functions_known and index >= len(self.spaces[FUNC]):
            return UNKNOWN
        return super().item(sort, index)

    def add(self, sort: int, found: Type) -> None:
        if sort != FUNC or self._functions_known:  # otherwise it would get the index of another function
            super().add(sort, found)

    def take_export(self, body: Reader) -> None:
        name, sort = extern_name(body), read_sort(body)
        found = self._lazily(sort, body.u32())
        if body.byte():
            sort, found = self.description(body)
        self.exports[name] = sort, found
        self.add(sort, found)

    def _define_instance(self, body: Reader) -> None:
        if body.byte():
            exports = {}
            for _ in range(body.count()):
                name, sort = extern_name(body), read_sort(body)
                exports[name] = sort, self._lazily(sort, body.u32())
            self.add(INSTANCE, ("instance", exports))
            return
        component = body.u32()
        for _ in range(body.count()):  # what it is given does not change the types that it declares
            body.name()
            read_sort(body)
            body.u32()
        self.add(INSTANCE, lambda: ("instance", exports_of(self.item(COMPONENT, component))))

    def _lazily(self, sort: int, index: int) -> Type:
        """Return an item; later for instances and components, whose exports may not be needed."""
        return self.item(sort, index) if sort in (FUNC, TYPE) else lambda: self.item(sort, index)

    def _define_canonical(self, body: Reader) -> None:
        code = body.byte() if self._functions_known else None
        if code == 0:
            self._operands("bio", body)
            self.add(FUNC, self.item(TYPE, body.u32()))
        elif code in _CANON:
            self._operands(_CANON[code], body)
        else:  # its length is unknown, so it hides the functions that follow
            self._functions_known, body.at = False, body.end

    def _operands(self, kinds: str, body: Reader) -> None:
        read: dict[str, Callable[[], object]] = {
            "i": body.u32,
            "b": body.byte,
            "o": lambda: _skip_options(body),
            "r": lambda: self.result_list(body),
        }
        for kind in kinds:
            read[kind]()


def _skip_options(body: Reader) -> None:
    for _ in range(body.count()):
        option = body.byte()
        if option in (3, 4, 5, 7, 8):  # memory, realloc, post-return, callback, core type
            body.u32()
        elif option > 9:
            raise Unreadable(f"option {option} of a function")
