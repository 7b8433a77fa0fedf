"""What made a WebAssembly binary: the ``producers`` sections of it and of the modules inside.

Format: the tool conventions' `ProducersSection.md`; a component's modules and components are its sections 1
and 4 (component model, `Binary.md`). Their claims are the compiler's own and prove nothing.
"""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from tarkpm.host.module.inspect import COMPONENT, CORE, MAGIC
from tarkpm.host.module.reader import Malformed, Reader

MAX_DEPTH: Final = 4
"""How deep modules nest in components that are looked into."""
MAX_BINARIES: Final = 1_000
MAX_SECTIONS: Final = 20_000
MAX_PRODUCERS: Final = 200
SECTION: Final = "producers"
_NESTED: Final = (1, 4)


class Producer(msgspec.Struct, frozen=True, order=True):
    """A language, tool or SDK, as ``kind`` says, that took part in making a binary."""

    kind: Literal["language", "processed-by", "sdk"]
    name: str
    version: str = ""


def producers(data: bytes | memoryview) -> tuple[Producer, ...]:
    """Return every producer that a binary names, sorted; () for a binary that cannot be read."""
    found: set[Producer] = set()
    try:
        for section in _sections(Reader(data, 0, len(data))):
            found.update(_read(section))
            if len(found) > MAX_PRODUCERS:
                return ()
    except Malformed:
        return ()
    return tuple(sorted(found))


def _sections(file: Reader) -> Iterator[Reader]:
    """Yield the contents of the ``producers`` sections of a binary and of those inside it."""
    todo, seen = [(file, 0)], 0
    while todo:
        binary, depth = todo.pop()
        seen += 1
        head = bytes(binary.data[binary.at : binary.at + 8])
        if head not in (MAGIC + CORE, MAGIC + COMPONENT) or seen > MAX_BINARIES:
            continue
        binary.at += 8
        for _ in range(MAX_SECTIONS):
            if binary.at == binary.end:
                break
            kind, body = binary.byte(), binary.span("section")
            if kind == 0 and body.name() == SECTION:
                yield body
            elif kind in _NESTED and head[4:] == COMPONENT and depth < MAX_DEPTH:
                todo.append((body, depth + 1))


def _read(body: Reader) -> Iterator[Producer]:
    for _ in range(body.count()):
        field = body.name()
        for _ in range(body.count()):
            name, version = body.name(), body.name()
            if field in ("language", "processed-by", "sdk"):
                yield Producer(field, name, version)  # type: ignore[arg-type]
