"""The folder of an index in the cache, usable whatever it contains or lacks."""

import os
from pathlib import Path
from typing import Final

from tarkpm.core.layout import ROOT, TARGETS
from tarkpm.errors import TarkError
from tarkpm.io.files import make_private, read_optional, remove_tree
from tarkpm.sources.index import shape

MAX_CACHED: Final = max(shape.MAX_SIZE.values())
HISTORY: Final = "root_history"
"""The folder where tuf keeps the roots it has seen."""


def heal(folder: Path) -> None:
    """Create the folders of the cache and delete what does not belong there, such as leftovers."""
    for inside in (folder, folder / HISTORY, folder / TARGETS):
        if inside.is_symlink() or not inside.is_dir():
            remove_tree(inside)
        make_private(inside)
        for entry in list(os.scandir(inside)):
            # tuf reads and writes files by these names without checking what they are.
            known = entry.name in (HISTORY, TARGETS, f"{ROOT}.json") and inside == folder
            regular = entry.is_file(follow_symlinks=False) and entry.name.endswith(".json")
            too_long = inside != folder / TARGETS and entry.stat(follow_symlinks=False).st_size > MAX_CACHED
            if not known and (not regular or too_long):
                remove_tree(Path(entry.path))
    root = folder / f"{ROOT}.json"
    if root.is_dir() and not root.is_symlink():
        remove_tree(root)


def keep(file: Path, data: bytes) -> None:
    """Replace a cached file. It is not synced to disk, because every read checks it."""
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(data)
    temporary.replace(file)


def read(file: Path, limit: int = MAX_CACHED) -> bytes | None:
    """Return a cached file; None if it does not exist or cannot be read."""
    try:
        return read_optional(file, limit)
    except (OSError, TarkError):
        return None
