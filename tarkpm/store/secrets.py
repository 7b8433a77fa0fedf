"""The user's secrets: kept by the system's keyring where there is one, else in files of state, mode 0600.

Each has a small file in ``secrets/`` that says where the value is, because a keyring cannot list what it
holds. A keyring entry is named by the secret and a random id, so that two state folders share none.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec

from tarkpm.errors import NotFound, StoreError
from tarkpm.io.files import atomic_write, make_private
from tarkpm.store.documents import read_document

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

VERSION: Final = 1
MAX_BYTES: Final = 1024 * 1024
"""Size limit of a record, in bytes: a sign-in has tokens of up to 256 KiB."""
SERVICE: Final = "tarkpm"
"""The service name of entries in a keyring."""
_RECOMMENDED: Final = 1
"""The priority from which a keyring's own documentation recommends it: the others encrypt nothing."""

Kept = Literal["keyring", "file"]


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a value is: here, or in the keyring under ``entry``."""

    version: int
    kept: Kept
    value: str = ""
    entry: str = ""


class SecretStore:
    """The secrets of the user whose state folder is ``root``."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "secrets"

    def names(self) -> list[str]:
        """Return the names of all secrets, sorted."""
        return sorted(file.stem for file in self.folder.glob("*.json") if "@" not in file.stem)

    def kept(self, name: str) -> Kept | None:
        """Return where a secret is kept; None if there is none. Raises `StoreError`."""
        record = self._read(name)
        return record.kept if record else None

    def get(self, name: str) -> str:
        """Return the value of a secret. Raises `NotFound` and `StoreError`."""
        record = self._read(name)
        if record is None:
            raise NotFound(f"there is no secret named '{name}'", hint=f"tarkpm secret set {name}")
        if record.kept == "file":
            return record.value
        keyring = self._keyring_of(name)
        value = _asked(lambda: keyring.get_password(SERVICE, record.entry))
        if value is None:
            message = f"the system's keyring no longer has the secret '{name}'"
            raise StoreError(message, where=str(self._file(name)), hint=f"tarkpm secret set {name}")
        return value

    def set(self, name: str, value: str) -> Kept:
        """Keep a secret, in place of a former one of the name; return where. Raises `StoreError`."""
        former = self._record_or_none(name)
        record = self._in_keyring(name, value) or _Record(VERSION, "file", value)
        make_private(self.folder)
        # The new value is there before the old one goes: an interruption leaves one of them in force.
        atomic_write(self._file(name), msgspec.json.encode(record), mode=0o600)
        if former and former.kept == "keyring":
            # Done: that a locked keyring still has the former value must not look like a failure.
            with contextlib.suppress(StoreError):
                self._forget(name, former)
        return record.kept

    def remove(self, name: str) -> None:
        """Delete a secret. Raises `StoreError`, also if a keyring has it that is not available."""
        record = self._record_or_none(name)
        # The value goes first: without its record, nothing would know where it still is.
        if record and record.kept == "keyring":
            self._forget(name, record)
        self._file(name).unlink(missing_ok=True)

    def is_refused(self, kept: Kept) -> bool:
        """Return whether a value is in a file although there is a keyring, which did not take it."""
        return kept == "file" and _keyring() is not None

    def _in_keyring(self, name: str, value: str) -> _Record | None:
        """Give a value to the keyring; None if there is none, or it does not take it."""
        keyring = _keyring()
        if keyring is None:
            return None
        entry = f"{name}/{os.urandom(16).hex()}"
        try:
            _asked(lambda: keyring.set_password(SERVICE, entry, value))
        except StoreError:  # locked, or the user declined: the file is what there is without a keyring
            return None
        return _Record(VERSION, "keyring", entry=entry)

    def _forget(self, name: str, record: _Record) -> None:
        keyring = self._keyring_of(name)
        if _asked(lambda: keyring.get_password(SERVICE, record.entry)) is not None:
            _asked(lambda: keyring.delete_password(SERVICE, record.entry))

    def _keyring_of(self, name: str) -> "KeyringBackend":
        keyring = _keyring()
        if keyring is None:
            message = f"the secret '{name}' is kept by the system's keyring, which is not available"
            raise StoreError(message, where=str(self._file(name)), hint=f"tarkpm secret set {name}")
        return keyring

    def _record_or_none(self, name: str) -> _Record | None:
        """Return the record; None also for a damaged one, which `set` and `remove` replace."""
        try:
            return self._read(name)
        except StoreError:
            return None

    def _read(self, name: str) -> _Record | None:
        hint = f"tarkpm secret set {name}"
        what = f"the record of the secret '{name}'"
        file = self._file(name)
        return read_document(file, _Record, version=VERSION, limit=MAX_BYTES, what=what, hint=hint)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def _keyring() -> "KeyringBackend | None":
    """Return the system's keyring; None without the extra ``keyring``, or if no backend is a real one."""
    try:
        import keyring
        from keyring.backends.chainer import ChainerBackend
    except ImportError:
        return None
    backend = keyring.get_keyring()
    # A chain has a high priority of its own, even if nothing in it encrypts.
    each = backend.backends if isinstance(backend, ChainerBackend) else [backend]
    return next((one for one in each if float(one.priority) >= _RECOMMENDED), None)


def _asked(question: Callable[[], T]) -> T:
    """Ask the keyring. Its backends raise exceptions of other libraries, too."""
    try:
        return question()
    except Exception as problem:  # noqa: BLE001
        # Not the exception's own words: what they repeat is not known.
        raise StoreError(f"the system's keyring failed: {type(problem).__name__}") from None
