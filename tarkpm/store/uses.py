"""How often plugins used what they were granted: a small file for each plugin of a project.

A capability has a count, a first and a last day, and nothing else: no host that a pattern covered, no time of
day, no arguments. A file belongs to a data folder, which one publisher's plugin in one project has.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.shapes import from_json
from tarkpm.errors import StoreBusy
from tarkpm.io.files import atomic_write, make_private, read_optional
from tarkpm.io.locks import exclusive

MAX_CAPABILITIES: Final = 256
"""Of more, those whose last use is the longest ago are dropped."""
MAX_BYTES: Final = 256 * 1024
WAIT_SECONDS: Final = 1.0
"""A call does not wait longer for another one that counts."""
VERSION: Final = 1
_Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a capability was used; the days are in UTC, like 2026-11-28."""

    count: Annotated[int, msgspec.Meta(ge=0)]
    first: _Day
    last: _Day


class Uses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one plugin used, by granted capability, since the day on which it was first called here."""

    since: _Day
    used: dict[str, Use] = {}
    version: int = VERSION


class UseCounts:
    """The counts under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "uses"

    def read(self, data: Path) -> Uses | None:
        """Return the counts of the plugin with this data folder; None if it was never called."""
        return _read(self._file(data))

    def add(self, data: Path, counts: Mapping[str, int], day: str) -> None:
        """Add the uses of one or more calls. They are lost rather than delay a call or fail it."""
        file = self._file(data)
        if not counts and file.exists():
            return
        # Not durable: after a power cut some uses are not counted, and no call waits for the disk.
        with suppress(OSError, StoreBusy):
            make_private(self.folder)
            with exclusive(file.with_suffix(".lock"), "tarkpm", WAIT_SECONDS):
                before = _read(file) or Uses(day)
                used = before.used | {one: _added(before.used.get(one), n, day) for one, n in counts.items()}
                newest = sorted(used.items(), key=lambda one: one[1].last)[-MAX_CAPABILITIES:]
                data_ = msgspec.json.encode(Uses(before.since, dict(newest)), order="sorted")
                atomic_write(file, data_, mode=0o600, durable=False)

    def _file(self, data: Path) -> Path:
        return self.folder / f"{sha256(os.fsencode(data))[:32]}.json"


def _added(before: Use | None, count: int, day: str) -> Use:
    if before is None:
        return Use(count, day, day)
    return Use(before.count + count, min(before.first, day), max(before.last, day))


def _read(file: Path) -> Uses | None:
    try:
        found = from_json(read_optional(file, MAX_BYTES) or b"", Uses)
    except (msgspec.DecodeError, OSError):
        return None  # a damaged file counts as none: counting begins again
    return found if found.version == VERSION else None
