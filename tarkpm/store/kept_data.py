"""Copies of what plugins stored, beside the generations of a project (docs/decisions/0239).

A copy is made when a change replaces or removes a plugin, and has the number of the generation that this
change makes: it is the data as the former release left it. It belongs to the owner of the data, so that no
other publisher's plugin gets it. Only `STORED` is copied, which tarkpm itself writes; SQLite sees to it that
a copy is of one moment, and that a plugin that runs sees the old data or the new.
"""

import errno
import os
import re
import shlex
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tarkpm.core.names import STORED
from tarkpm.errors import StoreError
from tarkpm.io.files import make_private, sync_folder, write_new
from tarkpm.io.temporary import temporary

if TYPE_CHECKING:  # it takes 12 ms, which nobody without copies pays
    import sqlite3

MAX_TOTAL: Final = 64 * 1024 * 1024
"""Bytes of a project's copies, above which older ones are deleted; those of the newest change are kept."""
MAX_COPY: Final = 32 * 1024 * 1024
"""Bytes of one copy: what tarkpm lets a plugin store takes half of it, but tark may write there, too."""
MAX_WAIT = 5.0
"""Seconds to wait for a plugin that is writing."""
_NAME: Final = re.compile(r"([1-9][0-9]{0,8})-(.+)\.sqlite3")


class Copy(NamedTuple):
    """A copy of the data of ``owner``, the name of a data folder, made by generation ``number``."""

    number: int
    owner: str
    file: Path


class KeptData:
    """The copies in the folder of a project's history."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def copies(self) -> list[Copy]:
        """Return the copies, oldest first."""
        try:
            paths = list(self.folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = ((path, _NAME.fullmatch(path.name)) for path in paths)
        return sorted(Copy(int(match[1]), match[2], path) for path, match in found if match)

    def after(self, number: int, newest: int) -> dict[str, Copy]:
        """Return by owner the first copy made after a generation: the data as that generation left it.

        ``newest`` is the number of the newest generation. Copies of later ones are those of a failed change.
        """
        return {one.owner: one for one in reversed(self.copies()) if number < one.number <= newest}

    def begin(self, number: int) -> None:
        """Delete copies of generations from ``number`` on, and parts of copies: a failed change left them."""
        for one in self.copies():
            if one.number >= number:
                one.file.unlink(missing_ok=True)
        for file in self.folder.glob(".*.sqlite3.*.tmp"):
            file.unlink(missing_ok=True)

    def keep(self, number: int, data: Path) -> None:
        """Copy what is stored in a data folder, for the generation ``number`` that a change makes.

        A folder without stored values gets an empty copy. Raises `StoreError` if it cannot be read.
        """
        make_private(self.folder)
        copy = self.folder / f"{number}-{data.name}.sqlite3"
        staged = temporary(copy)
        try:
            write_new(staged, b"", 0o600)
            if is_plain(data / STORED):
                if (data / STORED).stat().st_size > MAX_COPY:
                    raise StoreError(f"it has more than {MAX_COPY:,} bytes", where=str(data / STORED))
                with _translated(data / STORED), closing(_open(data / STORED)) as source:
                    _backup(source, staged, is_new=True)
                with staged.open("rb") as written:
                    os.fsync(written.fileno())
            staged.replace(copy)
            sync_folder(self.folder)
        finally:
            staged.unlink(missing_ok=True)

    def forget(self, owner: str) -> None:
        """Delete every copy of an owner's data."""
        for one in self.copies():
            if one.owner == owner:
                one.file.unlink(missing_ok=True)

    def drop(self, generations: Iterable[int]) -> None:
        """Delete the copies that none of these generations needs, and the oldest beyond `MAX_TOTAL` bytes."""
        oldest, total = min(generations, default=0), 0
        newest_first = self.copies()[::-1]
        for one in newest_first:
            with suppress(FileNotFoundError):
                total += one.file.stat().st_size
            too_much = total > MAX_TOTAL and one.number != newest_first[0].number
            if one.number <= oldest or too_much:
                one.file.unlink(missing_ok=True)


def check_copy(file: Path) -> None:
    """Raise `StoreError` for a copy that is damaged: nothing may change before that is known."""
    with _translated(file, damaged=f"rm {shlex.quote(str(file))}"), closing(_open(file, "ro")) as copy:
        if copy.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise StoreError("it is damaged", where=str(file), hint=f"rm {shlex.quote(str(file))}")


def is_there(file: Path, data: Path) -> bool:
    """Return whether what is stored in a data folder is what a copy has. Raises `StoreError`."""
    if not is_plain(data / STORED):
        return file.stat().st_size == 0
    with (
        _translated(data / STORED),
        closing(_open(file, "ro")) as copy,
        closing(_open(data / STORED)) as stored,
    ):
        return all(one == other for one, other in zip_longest(copy.iterdump(), stored.iterdump()))


def restore(file: Path, data: Path) -> None:
    """Replace what is stored in a data folder by a copy, as one change. May be repeated.

    A copy that is gone changes nothing. Raises `OSError`: `EBUSY` while a plugin is writing.
    """
    if not file.exists():
        return
    make_private(data)
    target = data / STORED
    try:
        if not is_plain(target):
            write_new(target, b"", 0o600)
        with _translated(target), closing(_open(file, "ro")) as source:
            _backup(source, target)
    except StoreError as problem:
        raise OSError(errno.EBUSY, problem.message, str(target)) from None


def is_plain(file: Path) -> bool:
    """Return whether a file exists. Raises `StoreError` unless it is a plain file of this user's alone.

    Through a link, or another name of the file, a plugin's data would reach another file.
    """
    try:
        found = file.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
        raise StoreError("it is not a plain file of yours", where=str(file))
    return True


def _open(file: Path, mode: str = "rw") -> "sqlite3.Connection":
    import sqlite3

    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=0)
    # A damaged or prepared file must not run functions through its schema (sqlite.org/security.html).
    database.execute("PRAGMA trusted_schema = OFF")
    return database


def _backup(source: "sqlite3.Connection", target: Path, *, is_new: bool = False) -> None:
    with closing(_open(target)) as database:
        if is_new:  # nobody reads it before it is whole, and a journal would be left behind by a kill
            database.execute("PRAGMA journal_mode = OFF")
        source.backup(database, progress=_until(time.monotonic() + MAX_WAIT), sleep=0.05)


def _until(deadline: float) -> Callable[[int, int, int], None]:
    """Return what ends a backup that waits for another process: SQLite itself would wait for ever."""
    import sqlite3

    def progress(status: int, _: int, __: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise StoreError("it is busy")

    return progress


@contextmanager
def _translated(file: Path, *, damaged: str = "") -> Iterator[None]:
    """Raise `StoreError` for the errors of SQLite, and name the file. ``damaged`` helps if it is damaged."""
    import sqlite3

    # What a user stored is moved away and not deleted.
    damaged = damaged or f"mv {shlex.quote(str(file))} {shlex.quote(f'{file}.damaged')}"
    try:
        yield
    except StoreError as problem:
        problem.where = problem.where or str(file)
        raise
    except sqlite3.Error as problem:
        code = getattr(problem, "sqlite_errorname", "")
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StoreError("it is damaged", where=str(file), hint=damaged) from None
        text = "it is busy" if code.startswith("SQLITE_BUSY") else str(problem)
        raise StoreError(text, where=str(file)) from None
