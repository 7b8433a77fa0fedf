"""What this user accepted and what tarkpm installed, per project. Not a cache: nothing can recreate it.

A project's record is found by the project's path. The environment folder holds the record's id, so that an
environment made elsewhere (one that came with a clone, say) is told from one built here, and one that was
moved with its project is known again: by id and inode.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.binding import Owner
from tarkpm.core.digest import Digest, sha256
from tarkpm.errors import StoreError
from tarkpm.io.files import atomic_write, make_private, read_optional, write_new
from tarkpm.io.locks import exclusive
from tarkpm.store.documents import read_document

MAX_BYTES: Final = 16 * 1024 * 1024
VERSION: Final = 2
KEY_SIZE: Final = 32


class InstalledFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file as it was installed: what it holds, and how the file system describes it untouched."""

    name: str
    sha256: Digest
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Installed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plugin as it was installed, after everything about it was verified.

    ``fingerprint`` is that of its lock entry.
    """

    fingerprint: Digest
    files: tuple[InstalledFile, ...]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is remembered of one project.

    ``inode`` is the environment folder's. ``accepted`` is what this user accepted of the project, and
    ``accepted_at`` when it last changed, in seconds since the epoch. ``settled`` is the seal of the documents
    that the environment was last brought in line with, "" if something may be left to do. ``owners`` say, by
    plugin, whose data is where, and who was disabled: that is asked only for plugins whose folders are gone.
    """

    path: str
    environment: str
    inode: int = 0
    accepted: Acceptance = Acceptance()
    accepted_at: int = 0
    installed: dict[str, Installed] = {}
    settled: str = ""
    owners: dict[str, tuple[Owner, ...]] = {}
    version: int = VERSION

    def forgotten(self) -> "Record":
        """This record with nothing accepted: what is installed and stored stays, and is asked about again."""
        return msgspec.structs.replace(self, accepted=Acceptance(), accepted_at=0, settled="")


class _RecordVersion1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record as tarkpm wrote it before bindings: it does not say whose plugins were accepted."""

    path: str
    environment: str
    inode: int = 0
    accepted: msgspec.Raw = msgspec.Raw()
    installed: dict[str, Installed] = {}
    settled: str = ""
    disabled: tuple[str, ...] = ()
    version: Literal[1] = 1

    def upgraded(self) -> Record:
        """The record of today: the project is accepted again; data stays with what is installed."""
        names = {*self.installed, *self.disabled}
        owners: dict[str, tuple[Owner, ...]] = {
            name: (Owner(name, disabled=name in self.disabled),) for name in sorted(names)
        }
        return Record(self.path, self.environment, self.inode, installed=self.installed, owners=owners)


def _read_version_1(file: Path) -> Record | None:
    try:
        return msgspec.json.decode(read_optional(file, MAX_BYTES) or b"", type=_RecordVersion1).upgraded()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class State:
    """The state of one user, under ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.projects = root / "projects"
        self.keys = root / "keys"

    def find(self, path: str) -> Record | None:
        """The record of the project at ``path``."""
        return self.read_record(self._file(path))

    def record_files(self) -> list[Path]:
        """The files of all records, sorted."""
        return sorted(self.projects.glob("*.json"))

    def find_moved(self, environment: str, inode: int) -> Record | None:
        """The record of an environment folder that was moved here with its project."""
        for file in self.record_files() if environment else ():
            record = self.read_record(file)
            if record and (record.environment, record.inode) == (environment, inode):
                return record
        return None

    def save(self, record: Record, *, moved_from: str = "") -> None:
        """Keep ``record``; drop the one under the project's former path."""
        make_private(self.projects)
        atomic_write(self._file(record.path), msgspec.json.encode(record), mode=0o600)
        if moved_from and moved_from != record.path:
            self._file(moved_from).unlink(missing_ok=True)

    @contextmanager
    def changing(self, path: str, holder: str, deadline_seconds: float) -> Iterator[None]:
        """Hold the project at ``path`` for a whole command that may change it; raises `StoreBusy`."""
        make_private(self.projects)
        with exclusive(self.lock_file(path), holder, deadline_seconds):
            yield

    def lock_file(self, path: str) -> Path:
        """The lock that `changing` holds."""
        return self._file(path, ".lock")

    def mac_key(self) -> bytes:
        """The secret under which journals of this user are authenticated; made on first use."""
        path = self.root / "mac.key"
        key = read_optional(path, 64)
        if key is not None and len(key) == KEY_SIZE:
            return key
        make_private(self.root)
        candidate = self.root / f".mac.{os.urandom(8).hex()}.tmp"
        write_new(candidate, os.urandom(KEY_SIZE), 0o600, durable=True)
        if key is not None:  # cut short, by a power cut for one: what it vouched for is made again
            path.unlink(missing_ok=True)
        try:
            path.hardlink_to(candidate)  # unlike a rename, this lets only one of several processes win
        except FileExistsError:
            pass
        finally:
            candidate.unlink()
        return path.read_bytes()

    def indexes_seal(self) -> bytes:
        """Changes whenever what was seen of indexes does (`store.claims`); b"" where nothing was.

        One listing of a folder that is mostly absent: a settled sync is told by it without reading anything.
        """
        try:
            entries = [entry for entry in os.scandir(self.root / "indexes") if entry.name.endswith(".json")]
        except FileNotFoundError:
            return b""
        found = sorted((entry.name, entry.stat()) for entry in entries)
        return repr([(name, at.st_ino, at.st_mtime_ns, at.st_size) for name, at in found]).encode()

    def _file(self, path: str, suffix: str = ".json") -> Path:
        return self.projects / f"{sha256(os.fsencode(path))[:32]}{suffix}"

    def read_record(self, file: Path) -> Record | None:
        """The record in a file; None if there is none. Raises `StoreError` for a damaged one."""
        hint = f"rm {shlex.quote(str(file))} and what it lists: the project's .tark; then: tarkpm sync"
        try:
            return read_document(
                file, Record, version=VERSION, limit=MAX_BYTES, what="the record of a project", hint=hint
            )
        except StoreError:
            if (older := _read_version_1(file)) is None:
                raise
            return older


def new_environment_id() -> str:
    """An id nobody can guess: 128 random bits in hexadecimal."""
    return os.urandom(16).hex()
