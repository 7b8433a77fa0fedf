"""List the contents of the cache, and delete what no project needs.

An installation holds a shared lock on the cache from checking what is there until it has copied it; deleting
holds an exclusive lock. So nothing disappears during an installation, and what is missing later is fetched
again.
"""

import contextlib
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.io.files import remove_tree
from tarkpm.io.locks import exclusive, folder_lock

KINDS: Final = ("blobs", "git", "compiled", "index", "builds", "toolchains")
"""The folders of the cache that belong to tarkpm; others are never touched."""

_REMADE: Final = ("builds", "toolchains")
"""Records of `tarkpm build` and caches of compilers: the next build makes them again."""

LEFTOVER_SECONDS: Final = 3600.0
"""Age, in seconds, from which a temporary file cannot belong to a running command."""


class Needed(msgspec.Struct, frozen=True):
    """The items to keep: blobs and modules by digest, git manifests by file, indexes by root digest.

    ``former`` are blobs that only an earlier generation locks: their compiled code is not kept.
    """

    blobs: Collection[Digest] = frozenset()
    git: Collection[Path] = frozenset()
    indexes: Collection[str] = frozenset()
    former: Collection[Digest] = frozenset()


class StoredItem(msgspec.Struct, frozen=True):
    """Something in the cache that is kept or deleted as a whole; ``size`` in bytes."""

    kind: str
    path: Path
    size: int


@contextmanager
def in_use(root: Path, deadline_seconds: float) -> Iterator[None]:
    """Keep the contents of the cache from being deleted. Raises `StoreBusy`."""
    if not root.is_dir():
        yield
        return
    with folder_lock(root.resolve(), shared=True, deadline_seconds=deadline_seconds):
        yield


@contextmanager
def alone(root: Path, deadline_seconds: float) -> Iterator[None]:
    """Wait for running installations and keep others from starting. Raises `StoreBusy`."""
    if not root.is_dir():
        yield
        return
    with folder_lock(root.resolve(), shared=False, deadline_seconds=deadline_seconds):
        yield


def items(root: Path) -> list[StoredItem]:
    """Return all items of tarkpm in the cache, by kind and path, without lock files."""
    # Lock files stay: deleting one lets two processes hold "the same" lock (decision 0048).
    found = [
        StoredItem("index", path, _size(path)) for path in _inside(root / "index") if path.suffix != ".lock"
    ]
    for kind in ("blobs", "git", "builds", "toolchains"):
        found += [StoredItem(kind, path, _size(path)) for path in _inside(root / kind)]
    for folder in _inside(root / "compiled"):
        found += [StoredItem("compiled", path, _size(path)) for path in _inside(folder)]
    return found


def _inside(folder: Path) -> list[Path]:
    """Return the entries of a folder, sorted; nothing if it is a link or does not exist."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return []
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; links count as 0."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return 0
    if stat.S_ISDIR(status.st_mode):
        return sum(map(_size, _inside(path)))
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def is_needed(item: StoredItem, needed: Needed, now: float) -> bool:
    """Return whether to keep an item: a project needs it, or a command may be writing it."""
    name = item.path.name
    if name.startswith("."):
        return not is_leftover(item.path, now)
    if item.kind == "blobs":
        return name in needed.blobs or name in needed.former
    # Named "DIGEST-….compiled": compiled code is kept as long as its module.
    if item.kind == "compiled":
        return name.partition("-")[0] in needed.blobs
    if item.kind in _REMADE:
        return False
    return name in needed.indexes if item.kind == "index" else item.path in needed.git


def is_leftover(path: Path, now: float) -> bool:
    """Return whether a temporary file is too old to belong to a running command."""
    try:
        return now - path.lstat().st_mtime > LEFTOVER_SECONDS
    except FileNotFoundError:
        return False


def take_away(item: StoredItem, deadline_seconds: float) -> None:
    """Delete an item; index metadata under that index's lock. Raises `StoreBusy`."""
    if item.kind == "index":
        with exclusive(item.path.with_suffix(".lock"), "tarkpm cache", deadline_seconds):
            remove_tree(item.path)
        return
    remove_tree(item.path)
    with contextlib.suppress(OSError):  # it still contains others
        item.path.parent.rmdir()
