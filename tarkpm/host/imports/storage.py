"""tark:plugin/storage: one SQLite file in the plugin's data folder.

Nothing is created before the first write. Each write is one transaction: a successful write is on disk, and a
kill in the middle keeps the old value. Several processes take turns with SQLite's own locks. The file has
mode 0600 in a folder of mode 0700. Both are refused if they are links or belong to another user, who could
otherwise choose which file the plugin's data overwrites.

The journal is a rollback journal, not WAL: WAL needs shared memory, which a home directory on a network file
system does not have, and it leaves three files. Each write costs a sync; plugins store tokens and notes.
"""

import contextlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tarkpm.core.names import STORED
from tarkpm.host.limits import KIB, MIB, size

if TYPE_CHECKING:
    import sqlite3

_T = TypeVar("_T")

MAX_KEY = 1 * KIB
MAX_VALUE = 1 * MIB
MAX_KEYS = 10_000
MAX_TOTAL = 16 * MIB
_DONE = {"ok": None}
MAX_WAIT = 5.0
"""Maximum seconds to wait for another process's write, within the call's deadline."""

VERSION = 1
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS entry (key BLOB PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS total (one INTEGER PRIMARY KEY CHECK (one = 1), keys INTEGER, bytes INTEGER);
INSERT OR IGNORE INTO total VALUES (1, 0, 0);
PRAGMA user_version = 1;
COMMIT;
"""


class StorageError(Exception):
    """Storage cannot be used. The plugin gets the message."""


class Storage:
    """One plugin's keys and values, both text. ``report`` is called with errors of reads."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._folder = folder
        self._file = folder / STORED
        self._report = report
        self._told = False
        self._database: sqlite3.Connection | None = None

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        """Return the JSON value of `get`, `set`, `delete` or `list-keys`."""
        try:
            match function, args:
                case "get", (key,):
                    return self._get(key, deadline)
                case "set", (key, value):
                    return self._set(key, value, deadline)
                case "delete", (key,):
                    return self._delete(key, deadline)
            return self._keys(deadline)
        except StorageError as problem:
            if function in ("set", "delete"):
                return {"err": str(problem)}
            self._tell(problem)
            return [] if function == "list-keys" else None

    def _tell(self, problem: StorageError) -> None:
        """Report an error to the user, once, because `get` and `list-keys` have no error case."""
        if not self._told:
            self._told = True
            self._report(f"reads its storage as empty: {problem}")

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _get(self, key: str, deadline: float) -> str | None:
        found = self._read("SELECT value FROM entry WHERE key = ?", (key.encode(),), deadline)
        return found[0] if found else None

    def _keys(self, deadline: float) -> list[str]:
        return self._read("SELECT key FROM entry ORDER BY key", (), deadline)

    def _set(self, key: str, value: str, deadline: float) -> Any:
        raw_key, raw_value = key.encode(), value.encode()
        if len(raw_key) > MAX_KEY:
            raise StorageError(f"the key is {len(raw_key):,} bytes long, the limit is {size(MAX_KEY)}")
        if len(raw_value) > MAX_VALUE:
            raise StorageError(f"the value is {len(raw_value):,} bytes long, the limit is {size(MAX_VALUE)}")
        return self._write(raw_key, raw_value, deadline)

    def _delete(self, key: str, deadline: float) -> Any:
        return self._write(key.encode(), None, deadline) if self._exists() else _DONE

    def _read(self, query: str, parameters: tuple[Any, ...], deadline: float) -> list[str]:
        """Return the single column of a query."""

        def read(database: "sqlite3.Connection") -> list[str]:
            return [str(row[0], "utf-8") for row in database.execute(query, parameters)]

        return self._guarded(read, deadline) if self._exists() else []

    def _write(self, key: bytes, value: bytes | None, deadline: float) -> Any:
        self._create()
        self._guarded(lambda database: _replace(database, key, value), deadline)
        return _DONE

    def _guarded(self, work: Callable[["sqlite3.Connection"], _T], deadline: float) -> _T:
        """Call ``work`` with the database. SQLite's errors become `StorageError`."""
        import sqlite3  # takes 12 ms, which a plugin without storage does not pay

        try:
            database = self._database = self._database or _open(self._file, deadline)
            _wait_until(database, deadline)
            return work(database)
        except (sqlite3.Error, UnicodeDecodeError, TypeError) as problem:  # the latter two: foreign rows
            if self._database is not None and self._database.in_transaction:
                self._database.rollback()
            raise StorageError(_explained(problem)) from None

    def _exists(self) -> bool:
        """Return whether there is a file to read. Raises `StorageError` for one that must not be used."""
        return _is_ours(self._folder, stat.S_ISDIR) and _is_ours(self._file, stat.S_ISREG)

    def _create(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _is_ours(self._folder, stat.S_ISDIR)
            if not _is_ours(self._file, stat.S_ISREG):
                flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
                os.close(os.open(self._file, flags, 0o600))
        except OSError as problem:
            raise StorageError(f"storage cannot be created: {problem.strerror}") from None


def _is_ours(path: Path, is_right_kind: Callable[[int], bool]) -> bool:
    """Return whether ``path`` exists, and make it private.

    Raises `StorageError` unless it is a plain folder or file of this user.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError as problem:
        raise StorageError(f"storage cannot be read: {problem.strerror}") from None
    if not is_right_kind(found.st_mode):
        kind = "a link" if stat.S_ISLNK(found.st_mode) else "not a regular file or folder"
        raise StorageError(f"storage cannot be used: {path.name!r} is {kind}")
    # Another hard link would let another path change, or receive, the plugin's data.
    if found.st_uid != os.geteuid() or (stat.S_ISREG(found.st_mode) and found.st_nlink > 1):
        raise StorageError(
            f"storage cannot be used: {path.name!r} belongs to another user or has another name"
        )
    if found.st_mode & 0o077:
        with contextlib.suppress(OSError):
            path.chmod(found.st_mode & 0o700)
    return True


def _open(file: Path, deadline: float) -> "sqlite3.Connection":
    import sqlite3

    # Calls of a plugin take turns, but they may come from different threads.
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        _wait_until(database, deadline)
        # TRUNCATE keeps the empty journal, which saves creating and deleting a file for each write.
        database.execute("PRAGMA journal_mode = TRUNCATE")
        # A damaged or prepared file must not run functions through its schema (sqlite.org/security.html).
        database.execute("PRAGMA trusted_schema = OFF")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        # Writing with an older schema could damage what a newer version stored.
        if version > VERSION:
            raise StorageError("storage was written by a newer tarkpm")
        if version < VERSION:
            database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def _wait_until(database: "sqlite3.Connection", deadline: float) -> None:
    seconds = max(0.0, min(MAX_WAIT, deadline - time.monotonic()))
    database.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def _replace(database: "sqlite3.Connection", key: bytes, value: bytes | None) -> None:
    """Set or delete one entry and update the totals, in one transaction."""
    # IMMEDIATE takes the write lock before the totals are read: another process cannot change them meanwhile.
    database.execute("BEGIN IMMEDIATE")
    old = database.execute("SELECT length(key) + length(value) FROM entry WHERE key = ?", (key,)).fetchone()
    keys, used = database.execute("SELECT keys, bytes FROM total").fetchone()
    if old is not None:
        keys, used = keys - 1, used - old[0]
        database.execute("DELETE FROM entry WHERE key = ?", (key,))
    if value is not None:
        keys, used = keys + 1, used + len(key) + len(value)
        _check_quota(database, keys, used)
        database.execute("INSERT INTO entry VALUES (?, ?)", (key, value))
    database.execute("UPDATE total SET keys = ?, bytes = ?", (keys, used))
    database.execute("COMMIT")


def _check_quota(database: "sqlite3.Connection", keys: int, used: int) -> None:
    full = None
    if keys > MAX_KEYS:
        full = f"{MAX_KEYS:,} keys"
    elif used > MAX_TOTAL:
        full = size(MAX_TOTAL)
    if full:
        database.execute("ROLLBACK")
        raise StorageError(f"storage is full: the limit is {full}")


def _explained(problem: Exception) -> str:
    code = getattr(problem, "sqlite_errorname", "SQLITE_CORRUPT")
    if code.startswith("SQLITE_BUSY"):
        return "storage is busy: another process is writing"
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "storage is damaged"
    return f"storage cannot be used: {problem}"
