"""An index's folder in the cache: whatever lies there, and whatever is missing, it can be worked with."""

import os
from pathlib import Path
from typing import Final

from tarkpm.core.layout import ROOT, TARGETS
from tarkpm.errors import TarkError
from tarkpm.io.files import make_private, read_optional, remove_tree
from tarkpm.sources.index import shape

MAX_CACHED: Final = max(shape.MAX_SIZE.values())
HISTORY: Final = "root_history"
"""Where tuf keeps the roots it has seen."""


def heal(folder: Path) -> None:
    """Make the cache's folders and remove what cannot be in them: leftovers of a killed run among it."""
    for inside in (folder, folder / HISTORY, folder / TARGETS):
        if inside.is_symlink() or not inside.is_dir():
            remove_tree(inside)
        make_private(inside)
        for entry in list(os.scandir(inside)):
            known = entry.name in (HISTORY, TARGETS, f"{ROOT}.json") and inside == folder
            regular = entry.is_file(follow_symlinks=False) and entry.name.endswith(".json")
            too_long = inside != folder / TARGETS and entry.stat(follow_symlinks=False).st_size > MAX_CACHED
            if not known and (not regular or too_long):
                remove_tree(Path(entry.path))
    root = folder / f"{ROOT}.json"
    if root.is_dir() and not root.is_symlink():
        remove_tree(root)


def keep(file: Path, data: bytes) -> None:
    """Replace a cached file. Not synced to disk: whoever reads it checks it."""
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(data)
    temporary.replace(file)


def read(file: Path, limit: int = MAX_CACHED) -> bytes | None:
    """A cached file; None if there is none that can be read."""
    try:
        return read_optional(file, limit)
    except (OSError, TarkError):
        return None
