"""The folder of an index in the cache, usable whatever it contains or lacks."""

import os
from pathlib import Path
from typing import Final

from tarkpm.core.layout import ROOT, TARGETS, rows_path
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.rows import MAX_ROWS, Listing, parse
from tarkpm.errors import TarkError
from tarkpm.io.files import make_private, read_optional, remove_tree
from tarkpm.sources.index import shape

MAX_CACHED: Final = max(shape.MAX_SIZE.values())
HISTORY: Final = "root_history"
"""The folder where tuf keeps the roots it has seen."""


def folder(cache: Path, root: str) -> Path:
    """Return the folder of the index with this first root."""
    return cache / "index" / root.removeprefix("sha256:")


def target(inside: Path, path: str) -> Path:
    """Return the file of a target in the folder of its index."""
    return inside / TARGETS / path.replace("/", ".")


def cached_listing(cache: Path, source: IndexSource, name: PluginName) -> Listing | None:
    """Return what an index listed of a plugin when it was last asked; None if that is not known.

    It was verified then and is not verified again: it may be shown in a hint, and decides nothing.
    """
    file = target(folder(cache, source.root), rows_path(name))
    data = read(file, MAX_ROWS)
    try:
        return None if data is None else parse(data, where=str(file))
    except TarkError:
        return None


def heal(top: Path) -> None:
    """Create the folders of the cache and delete what does not belong there, such as leftovers."""
    for inside in (top, top / HISTORY, top / TARGETS):
        if inside.is_symlink() or not inside.is_dir():
            remove_tree(inside)
        make_private(inside)
        for entry in list(os.scandir(inside)):
            # tuf reads and writes files by these names without checking what they are.
            known = entry.name in (HISTORY, TARGETS, f"{ROOT}.json") and inside == top
            regular = entry.is_file(follow_symlinks=False) and entry.name.endswith(".json")
            too_long = inside != top / TARGETS and entry.stat(follow_symlinks=False).st_size > MAX_CACHED
            if not known and (not regular or too_long):
                remove_tree(Path(entry.path))
    root = top / f"{ROOT}.json"
    if root.is_dir() and not root.is_symlink():
        remove_tree(root)


def keep(file: Path, data: bytes) -> None:
    """Replace a cached file. It is not synced to disk, because every read checks it."""
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(data)
    temporary.replace(file)


def keep_new(file: Path, data: bytes) -> None:
    """Keep a file that is not in the cache yet."""
    if not file.exists():
        keep(file, data)


def read(file: Path, limit: int = MAX_CACHED) -> bytes | None:
    """Return a cached file; None if it does not exist or cannot be read."""
    try:
        return read_optional(file, limit)
    except (OSError, TarkError):
        return None
