"""A pull request that drops what a lock records of a plugin: `git diff` with tarkpm's textconv must show it."""

from pathlib import Path

import msgspec
from support.locked import ENTRY

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.lockfile import Lock, LockEntry, render
from tarkpm.ops.merge_driver import in_words


def words(tmp_path: Path, entry: LockEntry) -> list[str]:
    file = tmp_path / "tark.lock"
    file.write_bytes(render(Lock.of([entry])))
    return in_words(file)


def test_a_list_that_is_dropped_is_not_an_empty_one(tmp_path: Path) -> None:
    full = msgspec.structs.replace(ENTRY, type="tool", tools=(), capabilities=CapabilitySet())
    unpinned = words(tmp_path, msgspec.structs.replace(full, tools=None))
    assert set(unpinned) - set(words(tmp_path, full)) == {"  tools    (not pinned)"}
    assert "  asks for (not recorded)" in words(tmp_path, msgspec.structs.replace(full, capabilities=None))
