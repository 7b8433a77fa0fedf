"""A local folder as a source: a working copy, read in place."""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tarkpm.errors import NotFound, Refused, TooLarge
from tarkpm.io.files import read_file

MAX_FILE = 64 * 1024 * 1024
LEAVE_OUT: Final = "leave out packages and data that the plugin does not need"
"""What to do about a file that is too large."""


class LocalTree:
    """The folder ``root`` as a `tarkpm.sources.folder.Tree`.

    Symbolic links are refused, so that no file outside of ``root`` is read. Raises `NotFound` if ``root`` is
    not a folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if not root.is_dir():
            raise NotFound("there is no such folder", where=str(root))

    def names(self, folder: str) -> Sequence[str] | None:
        """Return the names of the entries directly in ``folder``; None if the folder does not exist."""
        try:
            return sorted(entry.name for entry in os.scandir(self.root / folder) if entry.name.isprintable())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the contents of the ``paths`` that exist.

        Raises `Refused` for a symbolic link, or anything else that is not a regular file.
        """
        return {path: data for path in paths if (data := self._read(path)) is not None}

    def _read(self, path: str) -> bytes | None:
        place = self.root
        # Every part, not only the last: a linked folder on the way would lead out of the root as well.
        for part in path.split("/"):
            place /= part
            try:
                mode = place.lstat().st_mode
            except (FileNotFoundError, NotADirectoryError):
                return None
            if stat.S_ISLNK(mode):
                raise Refused(f"'{path}' is or passes a symbolic link", where=str(self.root))
        if not stat.S_ISREG(mode):
            raise Refused(f"'{path}' is not a regular file", where=str(self.root))
        try:
            return read_file(place, MAX_FILE)
        except TooLarge as problem:
            problem.hint = LEAVE_OUT
            raise
