"""What is in the cache, and taking away what nobody needs.

Whoever installs holds the cache, shared, from looking what is there to having copied it; whoever takes away
holds it alone. So nothing vanishes under an installation, and what is fetched later is only fetched again.
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

KINDS: Final = ("blobs", "git", "compiled", "index")
"""The folders of the cache that are tarkpm's; what else is there is somebody else's and stays."""

LEFTOVER_SECONDS: Final = 3600.0
"""A temporary file that is older belongs to no running command."""


class Needed(msgspec.Struct, frozen=True):
    """What is to stay: blobs and modules by digest, git manifests by file, indexes by their root's digest."""

    blobs: Collection[Digest] = frozenset()
    git: Collection[Path] = frozenset()
    indexes: Collection[str] = frozenset()


class StoredItem(msgspec.Struct, frozen=True):
    """Something in the cache that is kept or taken away as a whole; ``size`` in bytes."""

    kind: str
    path: Path
    size: int


@contextmanager
def in_use(root: Path, deadline_seconds: float) -> Iterator[None]:
    """Keep what is in the cache from being taken away. Raises `StoreBusy`."""
    if not root.is_dir():
        yield
        return
    with folder_lock(root.resolve(), shared=True, deadline_seconds=deadline_seconds):
        yield


@contextmanager
def alone(root: Path, deadline_seconds: float) -> Iterator[None]:
    """Wait for whoever installs, and keep others from beginning. Raises `StoreBusy`."""
    if not root.is_dir():
        yield
        return
    with folder_lock(root.resolve(), shared=False, deadline_seconds=deadline_seconds):
        yield


def items(root: Path) -> list[StoredItem]:
    """Everything of tarkpm's in the cache, by kind and path; lock files are nothing."""
    found = [
        StoredItem("index", path, _size(path)) for path in _inside(root / "index") if path.suffix != ".lock"
    ]
    for kind in KINDS[:2]:
        found += [StoredItem(kind, path, _size(path)) for path in _inside(root / kind)]
    for folder in _inside(root / "compiled"):
        found += [StoredItem("compiled", path, _size(path)) for path in _inside(folder)]
    return found


def _inside(folder: Path) -> list[Path]:
    """What is in a real folder, sorted."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return []
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(path: Path) -> int:
    """Bytes of a file, or of the files in a folder; links count as nothing."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return 0
    if stat.S_ISDIR(status.st_mode):
        return sum(map(_size, _inside(path)))
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def is_needed(item: StoredItem, needed: Needed, now: float) -> bool:
    """Whether an item is to stay: somebody needs it, or may be writing it at this moment."""
    name = item.path.name
    if name.startswith("."):
        return not is_leftover(item.path, now)
    if item.kind == "blobs":
        return name in needed.blobs
    if item.kind == "compiled":
        return name.partition("-")[0] in needed.blobs
    return name in needed.indexes if item.kind == "index" else item.path in needed.git


def is_leftover(path: Path, now: float) -> bool:
    """Whether a temporary file is so old that nobody is writing it."""
    try:
        return now - path.lstat().st_mtime > LEFTOVER_SECONDS
    except FileNotFoundError:
        return False


def take_away(item: StoredItem, deadline_seconds: float) -> None:
    """Delete an item; an index's metadata while nobody asks that index. Raises `StoreBusy`."""
    if item.kind == "index":
        with exclusive(item.path.with_suffix(".lock"), "tarkpm cache", deadline_seconds):
            remove_tree(item.path)
        return
    remove_tree(item.path)
    with contextlib.suppress(OSError):  # others are in it still
        item.path.parent.rmdir()
