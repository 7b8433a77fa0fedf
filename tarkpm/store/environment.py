"""An installed set of plugins: plain folders under ``plugins/``, as tark itself expects them.

Beside them, in ``.tarkpm/``, is what tarkpm needs to change them safely: its lock, the staging area, the
journal, and the id by which state knows that this environment was built here.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tarkpm.core.digest import FileEntry
from tarkpm.core.release import STATEMENT
from tarkpm.errors import ProjectNotAccepted, StoreError
from tarkpm.io.files import make_private, open_new, read_file, read_into, read_optional, remove_tree
from tarkpm.io.locks import exclusive, folder_lock
from tarkpm.store.blobs import MAX_BLOB, BlobStore
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
        self.lock_file = self.work / "lock"
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
        for path in (self.base, self.plugins, self.work):
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
        for folder in (self.base, self.plugins):
            folder.mkdir(parents=True, exist_ok=True)
        make_private(self.work)
        if self.in_project:
            ignore = self.base / ".gitignore"
            if not os.path.lexists(ignore):
                with open_new(ignore, 0o644) as file:
                    file.write(b"*\n")
        if self.id != environment_id:
            temporary = self.work / f"id.{os.urandom(8).hex()}"
            with open_new(temporary, 0o600) as file:
                file.write(environment_id.encode())
            temporary.replace(self._id_file)

    @contextmanager
    def writing(self, holder: str, deadline_seconds: float) -> Iterator[None]:
        """Hold the environment for a whole command that may change it; raises `StoreBusy`."""
        make_private(self.work)
        with exclusive(self.lock_file, holder, deadline_seconds):
            yield

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

    def is_enabled(self, name: str) -> bool:
        """Whether the plugin has no ``.disabled`` marker."""
        return not os.path.lexists(self.plugins / name / DISABLED)

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Remove or place the ``.disabled`` marker that tark, too, honours."""
        marker = self.plugins / name / DISABLED
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
        """Whether the files look untouched since they were installed: size, time and inode."""
        folder = f"{self.plugins}/{name}/"
        try:
            for file in files:
                status = os.lstat(folder + file.name)
                if (status.st_size, status.st_mtime_ns, status.st_ino) != (
                    file.size,
                    file.mtime_ns,
                    file.inode,
                ):
                    return False
                if not stat.S_ISREG(status.st_mode):
                    return False
        except OSError:
            return False
        return True

    # -- staging

    def clear_work(self) -> None:
        """Drop what an interrupted command left behind: staged folders, temporary files."""
        kept = {self._id_file, self.lock_file, self.journal}
        for path in set(self.work.iterdir()) - kept:
            remove_tree(path)

    def stage(
        self,
        name: str,
        files: tuple[FileEntry, ...],
        store: BlobStore,
        *,
        data: Path,
        contents: Mapping[str, bytes] | None = None,
    ) -> tuple[InstalledFile, ...]:
        """Build a plugin's folder in the staging area, read-only, every byte checked as it is written.

        Bytes come from ``contents`` where given (by file name), else from ``store``. The ``.disabled``
        marker is carried over; ``data`` is linked to the plugin's data folder. Raises `BlobMissing`.
        """
        folder = self.staging / name
        folder.mkdir(parents=True)
        for entry in files:
            target = folder / entry.name
            if "/" in entry.name:
                target.parent.mkdir(parents=True, exist_ok=True)
            if contents is not None and entry.name in contents:
                _write_checked(target, contents[entry.name], entry)
            else:
                store.copy(entry, target)
        if not self.is_enabled(name):
            open_new(folder / DISABLED, 0o644).close()
        make_private(data)
        (folder / DATA).symlink_to(data)
        return describe(folder, files)


def describe(folder: Path, files: tuple[FileEntry, ...]) -> tuple[InstalledFile, ...]:
    """How the file system shows ``files`` in ``folder`` now."""
    described = []
    for entry in files:
        status = os.lstat(folder / entry.name)
        described.append(
            InstalledFile(entry.name, entry.sha256, entry.size, status.st_mtime_ns, status.st_ino)
        )
    return tuple(described)


def _write_checked(target: Path, data: bytes, entry: FileEntry) -> None:
    entry.check(data, where=str(target))
    with open_new(target, 0o444) as file:
        file.write(data)


def _foreign(problem: str, path: Path) -> ProjectNotAccepted:
    return ProjectNotAccepted(
        f"this environment was not made by tarkpm for you: {problem}",
        where=str(path),
        hint=f"look at it, then: rm -r {path}",
    )
