"""An installed set of plugins: plain folders under ``plugins/``, in the layout tark expects.

The folder ``.tarkpm/`` beside them contains what tarkpm needs to change them safely: the staging area, the
journal, and the id by which state recognises an environment built on this machine.
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

    ``in_project`` is True for a project's ``.tark``, False for the user's own folder, to which tark and the
    user may also have added plugins.
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
        """Return whether anything exists at the environment's path, even a broken link."""
        return os.path.lexists(self.base)

    @property
    def inode(self) -> int:
        """The inode of the environment folder; 0 if it does not exist."""
        return self.base.lstat().st_ino if self.exists() else 0

    @property
    def id(self) -> str:
        """The id in this folder; "" if none. Anyone can write one: trust it only if state knows it."""
        return (read_optional(self._id_file, 64) or b"").decode("ascii", "replace")

    def check_ours(self) -> None:
        """Raise `ProjectNotAccepted` if a folder tarkpm uses is a link or belongs to another user.

        Otherwise a repository could ship a link through which tarkpm changes files elsewhere.
        """
        for path in (self.base, self.plugins, self.work, self.kept):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(status.st_mode):
                raise _foreign("expected a folder, found a link or a file", path)
            # Another user could replace what is in it at any time, after it was checked.
            if status.st_uid != os.geteuid():
                raise _foreign(f"the folder belongs to user {status.st_uid}, not to you", path)

    def create(self, environment_id: str) -> None:
        """Create the folders and write the id by which state recognises this environment."""
        make_private(self.work)
        self.plugins.mkdir(exist_ok=True)
        ignore = self.base / ".gitignore"
        # An environment is built from the lock and must not be committed.
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
        """Lock the plugins for reading, so that no change is applied between reads. Raises `StoreBusy`."""
        if not self.plugins.is_dir():
            yield
            return
        with folder_lock(self.plugins, shared=True, deadline_seconds=READ_DEADLINE_SECONDS):
            yield

    @contextmanager
    def switching(self) -> Iterator[None]:
        """Lock the plugins while a change is applied. Raises `StoreBusy`."""
        # Whoever deletes the folder after a crash must not be kept from finishing the change.
        self.plugins.mkdir(exist_ok=True)
        with folder_lock(self.plugins, shared=False, deadline_seconds=READ_DEADLINE_SECONDS):
            yield

    # -- what is in it

    def names(self) -> list[str]:
        """Return the names under ``plugins/``, managed by tarkpm or not, sorted."""
        try:
            return sorted(entry.name for entry in os.scandir(self.plugins))
        except FileNotFoundError:
            return []

    def folder(self, name: str) -> Path:
        """Return the folder of a plugin."""
        return self.plugins / name

    def free_to_keep(self, name: str) -> Path:
        """Return a free path outside ``plugins/``, where tark loads nothing, for a folder moved out of it."""
        # Numbered, because earlier folders of that name may still be kept.
        numbers = (self.kept / f"{name}.{number}" for number in count(1))
        return next(path for path in numbers if not os.path.lexists(path))

    def is_enabled(self, name: str) -> bool:
        """Return whether the plugin has no ``.disabled`` marker."""
        try:
            (self.plugins / name / DISABLED).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        return False

    def has_own_data(self, name: str) -> bool:
        """Return whether ``data`` in a plugin's folder is a folder of its own with contents, not a link."""
        data = self.plugins / name / DATA
        return data.is_dir() and not data.is_symlink() and any(data.iterdir())

    def data_link(self, name: str) -> Path | None:
        """Return where ``data`` in a plugin's folder leads; None if it is not a link."""
        link = self.plugins / name / DATA
        return link.readlink() if link.is_symlink() else None

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Remove or create the ``.disabled`` marker, which tark honours as well."""
        marker = self._checked(name, DISABLED)
        if enabled:
            marker.unlink(missing_ok=True)
        elif not os.path.lexists(marker):
            open_new(marker, 0o644).close()

    def read(self, name: str, file: str) -> bytes:
        """Return the bytes of an installed file, `MAX_BLOB` at most, without following links.

        Raises `StoreError` if the file or a folder above it is a link or of another kind, and `TooLarge`.
        """
        # `_checked` covers the folders above the file: O_NOFOLLOW applies to the last part of a path only.
        return read_file(self._checked(name, file), MAX_BLOB)

    def read_into(self, name: str, file: str, buffer: bytearray) -> memoryview:
        """Like `read`, but into ``buffer``, which callers reuse."""
        return read_into(self._checked(name, file), buffer, MAX_BLOB)

    def _checked(self, name: str, file: str) -> Path:
        """Return the path of an installed file; raises `StoreError` if a folder above it is a link."""
        for parent in Path(file).parents:
            folder = self.plugins / name / parent
            if not stat.S_ISDIR(folder.lstat().st_mode):
                raise StoreError("expected a folder, found a link or a file", where=str(folder))
        return self.plugins / name / file

    def strangers(self, name: str, expected: set[str]) -> list[str]:
        """Return the names in a plugin's folder that its release did not install, sorted; none for a link.

        Where the folder is a link, only the link is replaced: what is behind it stays.
        """
        if (self.plugins / name).is_symlink():
            return []
        allowed = {part.split("/")[0] for part in expected} | {STATEMENT, DISABLED, DATA}
        return sorted({entry.name for entry in os.scandir(self.plugins / name)} - allowed)

    def is_intact(self, name: str, files: tuple[InstalledFile, ...]) -> bool:
        """Return whether kind, size, times and inode of the files are unchanged since installation.

        This is a fast check that reads no contents; ``verify`` compares digests.
        """
        folder = f"{self.plugins}/{name}"
        # The files of a folder that was replaced by a link to a moved one would look unchanged.
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
        """Delete what an interrupted command left behind: staged folders and temporary files."""
        if self.work.is_dir():
            for path in set(self.work.iterdir()) - {self._id_file, self.journal}:
                remove_tree(path)


def describe_file(folder: str, name: str, digest: Digest) -> InstalledFile | None:
    """Describe an installed file by its status now; None if it is not a regular file."""
    # ctime is included because, unlike mtime, a program cannot set it back after a write (utimensat(2)).
    status = os.lstat(f"{folder}/{name}")
    if not stat.S_ISREG(status.st_mode):
        return None
    return InstalledFile(name, digest, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _foreign(problem: str, path: Path) -> ProjectNotAccepted:
    return ProjectNotAccepted(
        f"tarkpm did not create this environment for you: {problem}",
        where=str(path),
        hint=f"inspect it, then: rm -r {shlex.quote(str(path))}",
    )
