"""Which sections of two WebAssembly binaries differ, for people who look for the cause.

Format: the core specification, 5.5 (sections), and the component model's `Binary.md`, whose sections 1 and 4
hold core modules and components.
"""

from collections.abc import Iterator
from typing import Final

from tarkpm.core.digest import sha256
from tarkpm.core.text import neutral
from tarkpm.host.module.inspect import COMPONENT, CORE, MAGIC
from tarkpm.host.module.producers import MAX_DEPTH, MAX_SECTIONS
from tarkpm.host.module.reader import Malformed, Reader

_CORE_NAMES: Final = (
    "custom", "types", "imports", "functions", "tables", "memories", "globals", "exports", "start",
    "elements", "code", "data", "data count", "tags",
)  # fmt: skip
_COMPONENT_NAMES: Final = (
    "custom", "core module", "core instances", "core types", "component", "instances", "aliases", "types",
    "canonical functions", "start", "imports", "exports",
)  # fmt: skip
_NESTED: Final = ("core module", "component")


def differing_sections(one: bytes, other: bytes) -> tuple[str, ...]:
    """Return the names of the sections that differ or that only one has, such as ``core module 1: code``.

    Sections of one kind are numbered from 1 if there are several. () if a binary cannot be read.
    """
    try:
        first, second = dict(_digests(one)), dict(_digests(other))
    except Malformed:
        return ()
    names = dict.fromkeys((*first, *second))
    return tuple(name for name in names if first.get(name) != second.get(name))


def _digests(data: bytes) -> Iterator[tuple[str, str]]:
    yield from _walk(Reader(data, 0, len(data)), "", 0, [MAX_SECTIONS])


def _walk(binary: Reader, prefix: str, depth: int, left: list[int]) -> Iterator[tuple[str, str]]:
    head = bytes(binary.data[binary.at : binary.at + 8])
    if head not in (MAGIC + CORE, MAGIC + COMPONENT):
        raise Malformed("the binary is not WebAssembly")
    binary.at += 8
    kinds = _CORE_NAMES if head[4:] == CORE else _COMPONENT_NAMES
    counts: dict[str, int] = {}
    while binary.at < binary.end:
        left[0] -= 1
        if left[0] < 0:
            raise Malformed(f"the binary has more than {MAX_SECTIONS:,} sections")
        kind, body = binary.byte(), binary.span("section")
        name = kinds[kind] if kind < len(kinds) else f"section {kind}"
        if kind == 0:
            name = f"custom '{neutral(Reader(body.data, body.at, body.end).name(), limit=40)}'"
        counts[name] = counts.get(name, 0) + 1
        label = f"{prefix}{name}" + (f" {counts[name]}" if counts[name] > 1 or name in _NESTED else "")
        if name in _NESTED and head[4:] == COMPONENT and depth < MAX_DEPTH:
            yield from _walk(body, f"{label}: ", depth + 1, left)
        else:
            yield label, sha256(bytes(body.data[body.at : body.end]))
