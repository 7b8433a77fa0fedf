"""Advisory locks between processes: ``flock`` with a deadline. They end with the process that holds them."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tarkpm.errors import StoreBusy

POLL_SECONDS: Final = 0.02


@contextmanager
def exclusive(path: Path, holder: str, deadline_seconds: float) -> Iterator[None]:
    """Hold the lock file ``path``, which contains the holder's name for processes that wait.

    Raises `StoreBusy` with the holder's name if the lock is not free within ``deadline_seconds``.
    """
    # The file is never deleted: deleting it lets two processes lock different files of that name.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _acquire(descriptor, fcntl.LOCK_EX, deadline_seconds, path)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} ({holder})".encode(), 0)
        try:
            yield
        finally:  # a killed process leaves its name behind, which doctor reports
            os.truncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextmanager
def folder_lock(folder: Path, *, shared: bool, deadline_seconds: float) -> Iterator[None]:
    """Lock a folder itself without writing to it: shared to read it, exclusive to change it.

    Raises `StoreBusy` if the lock is not free within ``deadline_seconds``.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        _acquire(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, deadline_seconds, folder)
        yield
    finally:
        os.close(descriptor)


def look_at_lock(path: Path) -> tuple[str, bool]:
    """Return the holder a lock file names, or "", and whether the lock is held now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return "", False
    try:
        text = os.pread(descriptor, 200, 0).decode("utf-8", "replace")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return text, True
        return text, False
    finally:
        os.close(descriptor)


def clear_lock(path: Path) -> None:
    """Remove the name from a lock file that is not held. Raises `StoreBusy` if it is."""
    with exclusive(path, "tarkpm doctor", 0.0):
        pass


def _acquire(descriptor: int, kind: int, deadline_seconds: float, path: Path) -> None:
    end = time.monotonic() + deadline_seconds
    # Polling, because a blocking flock(2) has no timeout other than by a signal.
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise StoreBusy(
                    f"{_holder(descriptor)} is working here; gave up after {deadline_seconds:g} s",
                    where=str(path),
                    hint="wait for it to finish, then run the command again",
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return


def _holder(descriptor: int) -> str:
    try:
        return os.pread(descriptor, 200, 0).decode("utf-8", "replace") or "another tarkpm"
    except OSError:  # folders have no text
        return "another tarkpm"
