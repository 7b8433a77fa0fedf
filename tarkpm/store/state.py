"""The record per project: what this user accepted and what tarkpm installed. It cannot be recreated.

A project's record is found by the project's path. The environment folder contains the record's id, which
tells an environment built here from one made elsewhere, for example one that came with a clone. An
environment that was moved with its project is recognised by id and inode.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import msgspec

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.digest import Digest, sha256
from tarkpm.core.owner import Owner
from tarkpm.core.shapes import from_json
from tarkpm.errors import StoreError
from tarkpm.io.files import atomic_write, make_private, read_optional, write_new
from tarkpm.io.locks import exclusive
from tarkpm.store.documents import read_document

MAX_BYTES: Final = 16 * 1024 * 1024
VERSION: Final = 2
KEY_SIZE: Final = 32


class InstalledFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An installed file: the digest of its contents, and its file system status right after installation."""

    name: str
    sha256: Digest
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Installed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plugin as it was installed, after it was verified. ``fingerprint`` is that of its lock entry."""

    fingerprint: Digest
    files: tuple[InstalledFile, ...]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The record of one project.

    ``inode`` is that of the environment folder. ``accepted`` is what this user accepted of the project, and
    ``accepted_at`` is when it last changed, in seconds since the epoch. ``settled`` is the seal of the
    documents with which the environment was last in sync, or "" if there may be work to do. ``owners`` list,
    by plugin, whose data is where and who was disabled; this is used only for plugins whose folders are gone.
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
        """Return this record with nothing accepted. Plugins and data stay, and need to be accepted again."""
        return msgspec.structs.replace(self, accepted=Acceptance(), accepted_at=0, settled="")


class _RecordVersion1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record in the format before bindings, which does not say whose plugins were accepted."""

    path: str
    environment: str
    inode: int = 0
    accepted: msgspec.Raw = msgspec.Raw()
    installed: dict[str, Installed] = {}
    settled: str = ""
    disabled: tuple[str, ...] = ()
    version: Literal[1] = 1

    def upgraded(self) -> Record:
        """Return the record in the current format: the project must be accepted again, data stays."""
        names = {*self.installed, *self.disabled}
        owners: dict[str, tuple[Owner, ...]] = {
            name: (Owner(name, disabled=name in self.disabled),) for name in sorted(names)
        }
        return Record(self.path, self.environment, self.inode, installed=self.installed, owners=owners)


def _read_version_1(file: Path) -> Record | None:
    try:
        return from_json(read_optional(file, MAX_BYTES) or b"", _RecordVersion1).upgraded()
    except msgspec.DecodeError:
        return None


class State:
    """The state of one user, under ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.projects = root / "projects"
        self.keys = root / "keys"

    def find(self, path: str) -> Record | None:
        """Return the record of the project at ``path``; None if there is none. Raises `StoreError`."""
        return self.read_record(self._file(path))

    def record_files(self) -> list[Path]:
        """Return the files of all records, sorted."""
        return sorted(self.projects.glob("*.json"))

    def find_moved(self, environment: str, inode: int) -> Record | None:
        """Return the record of an environment folder that was moved with its project, or None."""
        for file in self.record_files() if environment else ():
            record = self.read_record(file)
            # A copy of the folder has the id but another inode: it is not what the user accepted.
            if record and (record.environment, record.inode) == (environment, inode):
                return record
        return None

    def save(self, record: Record, *, moved_from: str = "") -> None:
        """Save ``record``, and delete the one under the project's former path ``moved_from``."""
        make_private(self.projects)
        # The new path is written first: an interruption leaves two records of the project, and never none.
        atomic_write(self._file(record.path), msgspec.json.encode(record), mode=0o600)
        if moved_from and moved_from != record.path:
            self._file(moved_from).unlink(missing_ok=True)

    @contextmanager
    def changing(self, path: str, holder: str, deadline_seconds: float) -> Iterator[None]:
        """Lock the project at ``path`` for a whole command that may change it; raises `StoreBusy`."""
        make_private(self.projects)
        with exclusive(self.lock_file(path), holder, deadline_seconds):
            yield

    def lock_file(self, path: str) -> Path:
        """Return the lock file that `changing` locks."""
        return self._file(path, ".lock")

    def mac_key(self) -> bytes:
        """Return the secret that authenticates this user's journals; created on first use."""
        path = self.root / "mac.key"
        key = read_optional(path, 64)
        if key is not None and len(key) == KEY_SIZE:
            return key
        make_private(self.root)
        candidate = self.root / f".mac.{os.urandom(8).hex()}.tmp"
        try:
            write_new(candidate, os.urandom(KEY_SIZE), 0o600, durable=True)
            if key is not None:  # truncated, for example by a power cut: start over with a new secret
                path.unlink(missing_ok=True)
            with suppress(FileExistsError):
                path.hardlink_to(candidate)  # unlike a rename, this lets only one of several processes win
        finally:
            candidate.unlink(missing_ok=True)
        return path.read_bytes()

    def known_seal(self) -> bytes:
        """Return bytes that change whenever `store.claims` or `store.proofs` does; b"" without either.

        It costs one listing of each folder, so that a sync without work need not read the files.
        """
        found = [one for name in ("indexes", "proofs") for one in _listed(self.root / name)]
        return repr(found).encode() if found else b""

    def _file(self, path: str, suffix: str = ".json") -> Path:
        return self.projects / f"{sha256(os.fsencode(path))[:32]}{suffix}"

    def read_record(self, file: Path) -> Record | None:
        """Read a record; None if the file does not exist. Raises `StoreError` for a damaged one."""
        hint = f"delete the project's .tark folder, then: rm {shlex.quote(str(file))} && tarkpm sync"
        try:
            return read_document(
                file, Record, version=VERSION, limit=MAX_BYTES, what="the record of a project", hint=hint
            )
        except StoreError:
            if (older := _read_version_1(file)) is None:
                raise
            return older


def _listed(folder: Path) -> list[tuple[str, int, int, int]]:
    """Return the documents in a folder, each with its file system status, sorted by name."""
    try:
        entries = [entry for entry in os.scandir(folder) if entry.name.endswith(".json")]
    except FileNotFoundError:
        return []
    found = sorted((entry.name, entry.stat()) for entry in entries)
    return [(name, at.st_ino, at.st_mtime_ns, at.st_size) for name, at in found]


def new_environment_id() -> str:
    """Return a new unguessable id: 128 random bits in hexadecimal."""
    return os.urandom(16).hex()
