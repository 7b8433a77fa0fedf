"""What `audit` needs of tark.lock, without parsing it again: it takes longer than everything else.

State keeps it for each project, with the digest of the lock that it was read from. Another lock is parsed.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm import __version__
from tarkpm.core.digest import sha256
from tarkpm.core.shapes import from_json
from tarkpm.io.files import atomic_write, make_private, read_optional

if TYPE_CHECKING:
    from tarkpm.ops.project.workspace import Workspace

MAX_BYTES: Final = 32 * 1024 * 1024


class LockedRelease(msgspec.Struct, frozen=True, array_like=True):
    """A locked plugin: ``index`` and ``root`` are those of its index, or "".

    ``statement`` is the digest of its statement, "" without one. ``line`` is that of its name in tark.lock,
    from 1.
    """

    name: str
    version: str
    index: str = ""
    root: str = ""
    statement: str = ""
    is_working_copy: bool = False
    line: int = 1


class _Document(msgspec.Struct, frozen=True):
    key: str
    releases: tuple[LockedRelease, ...]


def locked_releases(workspace: "Workspace") -> tuple[LockedRelease, ...]:
    """Return the locked plugins, in the order of the lock. Raises `LockError`."""
    key = sha256(__version__.encode() + b"\n" + (workspace.lock_bytes or b""))
    name = sha256(os.fsencode(workspace.record.path))[:32]
    file = workspace.state.root / "locks" / f"{name}.json"
    if (kept := _read(file)) and kept.key == key:
        return kept.releases
    found = tuple(_releases(workspace))
    with suppress(OSError):  # a full disk makes the next audit slower, and nothing else
        make_private(file.parent)
        atomic_write(file, msgspec.json.encode(_Document(key, found)), mode=0o600, durable=False)
    return found


def _read(file: Path) -> _Document | None:
    try:
        return from_json(read_optional(file, MAX_BYTES) or b"", _Document)
    except (OSError, msgspec.DecodeError):
        return None  # it is written again


def _releases(workspace: "Workspace") -> Iterator[LockedRelease]:
    from tarkpm.core.release import IndexSource

    lines = _lines(workspace.lock_bytes or b"")
    for entry in workspace.lock.entries:
        source = entry.source if isinstance(entry.source, IndexSource) else IndexSource("", "")
        yield LockedRelease(
            entry.name,
            str(entry.version),
            source.index,
            source.root,
            entry.statement.sha256 if entry.statement else "",
            entry.is_working_copy,
            lines.get(entry.name, 1),
        )


def _lines(lock: bytes) -> dict[str, int]:
    """Return the line of each plugin in tark.lock, which a forge shows beside a finding."""
    found: dict[str, int] = {}
    for number, line in enumerate(lock.splitlines(), 1):
        if line.startswith(b'name = "'):
            found.setdefault(line[8:].rstrip(b'"').decode(errors="replace"), number)
    return found
