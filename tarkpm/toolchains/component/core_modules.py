"""The small core modules around a plugin's module: they let it import functions that need its own memory.

A function can only be lowered with a memory that exists, and the memory exists once the module is
instantiated, which needs the functions. So the module gets functions of `shim`, which jump through a table,
and `fixup` fills the table afterwards. `wasm-tools component new` does the same.
"""

import re
from collections.abc import Sequence

from tarkpm.toolchains.component.binary import CORE, core_function_type, leb, name, section, signed, vector

_TYPE = re.compile(r"\((?P<params>[^)]*)\)(?: -> (?P<results>.*))?")
_TABLE = "t"


def shim(types: Sequence[str]) -> bytes:
    """Return a module with a table ``t`` and functions ``0``, ``1``, … that call its entries."""
    indices = range(len(types))
    exports = [name(_TABLE) + b"\x01\x00", *(name(str(i)) + b"\x00" + leb(i) for i in indices)]
    return (
        CORE
        + section(1, *map(encoded_type, types))
        + section(3, *map(leb, indices))
        + section(4, _table(len(types)))
        + section(7, *exports)
        + section(10, *(code(_jump(i, types[i])) for i in indices))
    )


def fixup(types: Sequence[str]) -> bytes:
    """Return a module that puts the functions it imports into the table it imports."""
    indices = range(len(types))
    functions = [name("") + name(str(i)) + b"\x00" + leb(i) for i in indices]
    table = name("") + name(_TABLE) + b"\x01" + _table(len(types))
    elements = b"\x00\x41\x00\x0b" + vector(map(leb, indices))  # from i32.const 0
    return CORE + section(1, *map(encoded_type, types)) + section(2, *functions, table) + section(9, elements)


def starter() -> bytes:
    """Return a module that calls the function it imports when it is instantiated."""
    imports = section(2, name("") + name("f") + b"\x00\x00")
    return CORE + section(1, encoded_type("()")) + imports + b"\x08\x01\x00"


def parts(text: str) -> tuple[list[str], list[str]]:
    """Return the parameters and results of a core type like ``(i32) -> i32``. Raises `ValueError`."""
    found = _TYPE.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a function, found {text}")
    params, results = found["params"], found["results"] or ""
    return params.split(", ") if params else [], results.split(", ") if results else []


def encoded_type(text: str) -> bytes:
    """Return a core type, given as text, in binary."""
    return core_function_type(*parts(text))


def code(body: bytes, locals_: bytes = b"\x00") -> bytes:
    """Return an entry of the code section; ``body`` without its ``end``."""
    whole = locals_ + body + b"\x0b"
    return leb(len(whole)) + whole


def _table(size: int) -> bytes:
    return b"\x70\x01" + leb(size) * 2


def _jump(index: int, text: str) -> bytes:
    arguments = b"".join(b"\x20" + leb(i) for i in range(len(parts(text)[0])))
    return arguments + b"\x41" + signed(index) + b"\x11" + leb(index) + b"\x00"
