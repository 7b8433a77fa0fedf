"""An installed set of plugins: plain folders under ``plugins/``, as tark itself expects them.

Beside them, in ``.tarkpm/``, is what tarkpm needs to change them safely: the staging area, the journal,
and the id by which state knows that this environment was built here.
"""

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from tarkpm.core.digest import Digest
from tarkpm.core.names import STATEMENT
from tarkpm.errors import ProjectNotAccepted, StoreError
from tarkpm.io.files import make_private, open_new, read_file, read_into, read_optional, remove_tree
from tarkpm.io.locks import folder_lock
from tarkpm.store.blobs import MAX_BLOB
from tarkpm.store.state import InstalledFile

DISABLED: Final = ".disabled"
DATA: Final = "data"
READ_DEADLINE_SECONDS: Final = 10.0


class Environment:
    """The environment in the folder ``base``; plugins keep their data under ``data``.

    ``in_project`` tells a project's ``.tark`` from the user's own folder, in which tark and the user may
    have put plugins before.
    """

    def __init__(self, base: Path, *, in_project: bool) -> None:
        self.base = base
        self.in_project = in_project
        self.plugins = base / "plugins"
        self.work = base / ".tarkpm"
        self.staging = self.work / "staging"
        self.trash = self.work / "trash"
        self.journal = self.work / "journal.json"
        self.kept = base / "kept"
        self._id_file = self.work / "id"

    # -- the folder itself

    def exists(self) -> bool:
        """Whether there is anything at the environment's place."""
        return os.path.lexists(self.base)

    @property
    def inode(self) -> int:
        """The inode of the environment folder; 0 if it is not there."""
        return self.base.lstat().st_ino if self.exists() else 0

    @property
    def id(self) -> str:
        """The id this folder claims; "" if none. Believed only where state knows it."""
        return (read_optional(self._id_file, 64) or b"").decode("ascii", "replace")

    def check_ours(self) -> None:
        """Raise `ProjectNotAccepted` if the folder, or one tarkpm uses in it, is a link or someone else's."""
        for path in (self.base, self.plugins, self.work, self.kept):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(status.st_mode):
                raise _foreign("expected a folder, found a link or a file", path)
            if status.st_uid != os.geteuid():
                raise _foreign(f"the folder belongs to user {status.st_uid}, not to you", path)

    def create(self, environment_id: str) -> None:
        """Make the folders, and write the id that state will know this environment by."""
        make_private(self.work)
        self.plugins.mkdir(exist_ok=True)
        ignore = self.base / ".gitignore"
        if self.in_project and not os.path.lexists(ignore):
            with open_new(ignore, 0o644) as file:
                file.write(b"*\n")
        if self.id != environment_id:
            temporary = self.work / f"id.{os.urandom(8).hex()}"
            with open_new(temporary, 0o600) as file:
                file.write(environment_id.encode())
            temporary.replace(self._id_file)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep a change from being applied while several files are read together."""
        if not self.plugins.is_dir():
            yield
            return
        with folder_lock(self.plugins, shared=True, deadline_seconds=READ_DEADLINE_SECONDS):
            yield

    @contextmanager
    def switching(self) -> Iterator[None]:
        """Keep readers out for the moment in which a change is applied."""
        with folder_lock(self.plugins, shared=False, deadline_seconds=READ_DEADLINE_SECONDS):
            yield

    # -- what is in it

    def names(self) -> list[str]:
        """What stands under ``plugins/``, whoever put it there, sorted."""
        try:
            return sorted(entry.name for entry in os.scandir(self.plugins))
        except FileNotFoundError:
            return []

    def folder(self, name: str) -> Path:
        """The folder of a plugin."""
        return self.plugins / name

    def free_to_keep(self, name: str) -> Path:
        """A place beside ``plugins/``, where tark looks for none, for a folder that makes room there."""
        numbers = (self.kept / f"{name}.{number}" for number in count(1))
        return next(path for path in numbers if not os.path.lexists(path))

    def is_enabled(self, name: str) -> bool:
        """Whether the plugin has no ``.disabled`` marker."""
        try:
            (self.plugins / name / DISABLED).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        return False

    def has_own_data(self, name: str) -> bool:
        """Whether ``data`` in a plugin's folder is no link but holds something itself."""
        data = self.plugins / name / DATA
        return data.is_dir() and not data.is_symlink() and any(data.iterdir())

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Remove or place the ``.disabled`` marker that tark, too, honours."""
        marker = self._checked(name, DISABLED)
        if enabled:
            marker.unlink(missing_ok=True)
        elif not os.path.lexists(marker):
            open_new(marker, 0o644).close()

    def read(self, name: str, file: str) -> bytes:
        """The bytes of an installed file, bounded, following no link.

        Raises `StoreError` if it, or a folder on the way, is not what tarkpm installs.
        """
        return read_file(self._checked(name, file), MAX_BLOB)

    def read_into(self, name: str, file: str, buffer: bytearray) -> memoryview:
        """Like `read`, into a buffer that is used again and again."""
        return read_into(self._checked(name, file), buffer, MAX_BLOB)

    def _checked(self, name: str, file: str) -> Path:
        """The path of an installed file, none of whose folders is a link."""
        for parent in Path(file).parents:
            folder = self.plugins / name / parent
            if not stat.S_ISDIR(folder.lstat().st_mode):
                raise StoreError("expected a folder, found a link or a file", where=str(folder))
        return self.plugins / name / file

    def strangers(self, name: str, expected: set[str]) -> list[str]:
        """Names in a plugin's folder that no release put there, sorted."""
        allowed = {part.split("/")[0] for part in expected} | {STATEMENT, DISABLED, DATA}
        return sorted({entry.name for entry in os.scandir(self.plugins / name)} - allowed)

    def is_intact(self, name: str, files: tuple[InstalledFile, ...]) -> bool:
        """Whether the files look untouched since they were installed: kind, size, times and inode."""
        folder = f"{self.plugins}/{name}"
        parents = {
            folder,
            *(f"{folder}/{file.name.rpartition('/')[0]}" for file in files if "/" in file.name),
        }
        try:
            return all(stat.S_ISDIR(os.lstat(parent).st_mode) for parent in parents) and all(
                describe_file(folder, file.name, file.sha256) == file for file in files
            )
        except OSError:
            return False

    # -- what a change leaves behind

    def clear_work(self) -> None:
        """Drop what an interrupted command left behind: staged folders, temporary files."""
        if self.work.is_dir():
            for path in set(self.work.iterdir()) - {self._id_file, self.journal}:
                remove_tree(path)


def describe_file(folder: str, name: str, digest: Digest) -> InstalledFile | None:
    """How the file system shows an installed file now; None if it is no regular file."""
    status = os.lstat(f"{folder}/{name}")
    if not stat.S_ISREG(status.st_mode):
        return None
    return InstalledFile(name, digest, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _foreign(problem: str, path: Path) -> ProjectNotAccepted:
    return ProjectNotAccepted(
        f"this environment was not made by tarkpm for you: {problem}",
        where=str(path),
        hint=f"look at it, then: rm -r {shlex.quote(str(path))}",
    )
