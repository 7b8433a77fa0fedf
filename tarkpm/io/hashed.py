"""A file that is hashed as it is written, by a thread beside the caller where that pays."""

import hashlib
import os
import sys
import threading
from queue import SimpleQueue
from typing import BinaryIO, Final

from tarkpm.core.digest import Digest
from tarkpm.io.files import PIECE
from tarkpm.io.parallel import SMALL

WRITE_BACK: Final = 16 * 1024 * 1024
"""Bytes of a large file that the system begins to write to disk at once."""


class HashedWriter:
    """Writes to a new file, and knows the digest and the size of what it wrote. Close it.

    Neither hashing nor writing needs Python's lock. So a large piece is hashed and written while the caller
    makes the next one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest, self._size = file, hashlib.sha256(), 0
        self._todo: SimpleQueue[bytes | memoryview | None] = SimpleQueue()
        self._done: SimpleQueue[OSError | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_busy = False
        self._begun = 0

    def close(self) -> None:
        """End the thread. The file stays open."""
        self._todo.put(None)
        if self._thread is not None:
            self._thread.join()

    def write(self, data: bytes | memoryview) -> None:
        """Write ``data``, which must not change before the next call. Raises `OSError` now or then."""
        self._wait()
        if len(data) < SMALL:
            self._digest.update(data)
            self._file.write(data)
            self._size += len(data)
        else:
            self._write_beside(data)

    @property
    def size(self) -> int:
        """The bytes that were written."""
        self._wait()
        return self._size

    @property
    def sha256(self) -> Digest:
        """The digest of what was written."""
        self._wait()
        return Digest(self._digest.hexdigest())

    def _write_beside(self, data: bytes | memoryview) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        self._todo.put(data)
        self._is_busy = True

    def _wait(self) -> None:
        if self._is_busy:
            self._is_busy = False
            if problem := self._done.get():
                raise problem

    def _work(self) -> None:
        while (data := self._todo.get()) is not None:
            try:
                self._write_large(memoryview(data))
                self._done.put(None)
            except OSError as problem:
                self._done.put(problem)

    def _write_large(self, data: memoryview) -> None:
        self._digest.update(data)
        for start in range(0, len(data), PIECE):
            self._file.write(data[start : start + PIECE])
        self._size += len(data)
        if self._size - self._begun >= WRITE_BACK:
            begin_write_back(self._file.fileno(), self._begun, self._size - self._begun)
            self._begun = self._size


def begin_write_back(descriptor: int, start: int, size: int) -> None:
    """Have the system begin to write a part of a file to disk, so that a later ``fsync`` waits for less."""
    if sys.platform == "linux":
        # Linux begins to write changed pages before it would drop them, and keeps what it is writing
        # (mm/fadvise.c). Python has no other way to ask for that.
        os.posix_fadvise(descriptor, start, size, os.POSIX_FADV_DONTNEED)
