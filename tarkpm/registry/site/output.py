"""The folder of pages: files are written atomically, and only if their bytes differ.

A stamp says which memory the folder belongs to, and whether the run that wrote it ended. After a run that was
killed, every file is whole, and the next run looks at all of them again.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.layout import FILES, METADATA, TARGETS
from tarkpm.core.shapes import from_json
from tarkpm.errors import Refused, TarkError
from tarkpm.io.files import atomic_write, read_optional

STAMP: Final = ".tarkpm-site.json"
OWN: Final = ("assets", "browse", "plugins", "search")
"""Folders that only contain pages: a file in them that is not one is deleted."""
MAX_FILE: Final = 64 * 1024 * 1024


class Stamp(msgspec.Struct, frozen=True):
    """The memory that the folder belongs to, by digest; "" while it is written."""

    memory: str = ""
    format: int = 1


class Output:
    """Counts the files of one run. Paths are relative, with ``/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written = self.unchanged = self.removed = 0
        self._folders: set[Path] = set()
        self._listed: dict[str, set[str]] = {}
        self._is_stamped_open = False

    def check(self, index: Path) -> None:
        """Raise `Refused` for a folder in which files of somebody else could be lost."""
        hint = "choose an empty folder: tarkpm index site DIR -o public"
        inside = any(self.folder.is_relative_to(index / name) for name in (METADATA, TARGETS, FILES))
        if inside or index.is_relative_to(self.folder):
            raise Refused("the pages would be written over the index", where=str(self.folder), hint=hint)
        if not self.folder.is_dir() or (self.folder / STAMP).is_file():
            if any((self.folder / name).is_symlink() for name in OWN):
                raise Refused("a folder of pages is a symbolic link", where=str(self.folder), hint=hint)
            return
        for name in (*OWN, "index.html"):
            if os.path.lexists(self.folder / name):
                text = f"the folder has a '{name}' that tarkpm did not write"
                raise Refused(text, where=str(self.folder), hint=hint)

    @property
    def stamp(self) -> str:
        """The digest of the memory to which the folder belongs, "" if it is new or was left half written."""
        try:
            data = read_optional(self.folder / STAMP, 4096)
            return "" if data is None else from_json(data, Stamp).memory
        except (TarkError, OSError, ValueError, msgspec.MsgspecError):
            return ""

    def put(self, path: str, data: bytes) -> None:
        """Write a file, unless it has these bytes already."""
        file = self.folder / path
        if self._has(file, data):
            self.unchanged += 1
            return
        self._open()
        if file.parent not in self._folders:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(file.parent)
        # Not durable: pages can be made again, and ten thousand of them would wait for the disk.
        atomic_write(file, data, mode=0o644, durable=False)
        self.written += 1

    def put_changed(self, folder: str, name: str, make: Callable[[], bytes], *, is_same: bool) -> None:
        """Like `put`, but if the file is there and ``is_same`` as last time, it is not even made."""
        if folder not in self._listed:
            self._listed[folder] = self.names(folder)
        if is_same and name in self._listed[folder]:
            self.unchanged += 1
        else:
            self.put(f"{folder}/{name}", make())

    def _has(self, file: Path, data: bytes) -> bool:
        try:
            return file.lstat().st_size == len(data) and read_optional(file, MAX_FILE) == data
        except (OSError, TarkError):
            return False

    def remove(self, path: str) -> None:
        """Delete a file or folder of pages, if it is there."""
        file = self.folder / path
        if not os.path.lexists(file):
            return
        self._open()
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink()
        self.removed += 1

    def sweep(self, folder: str, keep: set[str]) -> None:
        """Delete everything in a folder of pages whose name is not in ``keep``."""
        for name in sorted(self.names(folder) - keep):
            self.remove(f"{folder}/{name}")

    def sweep_temporary(self) -> None:
        """Delete what a killed run left beside the front page: the file that it was writing."""
        for name in sorted(self.names(".")):
            if name.startswith(".") and name.endswith(".tmp"):
                self.remove(name)

    def names(self, folder: str) -> set[str]:
        """Return the names in a folder; none if it is not there."""
        try:
            with os.scandir(self.folder / folder) as entries:
                return {entry.name for entry in entries}
        except FileNotFoundError:
            return set()

    def _open(self) -> None:
        """Say that the folder is being written, before the first change."""
        if not self._is_stamped_open:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._put_stamp("")
            self._is_stamped_open = True

    def close(self, memory: str) -> None:
        """Say that the folder is complete and belongs to this memory."""
        if self._is_stamped_open or self.stamp != memory:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._put_stamp(memory)

    def _put_stamp(self, memory: str) -> None:
        data = msgspec.json.encode(Stamp(memory)) + b"\n"
        atomic_write(self.folder / STAMP, data, mode=0o644, durable=False)
