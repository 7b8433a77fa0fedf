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

    Hashing takes longer than writing to the page cache, and neither needs Python's lock. So a large piece is
    hashed while it is written and while the caller makes the next one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.size = 0
        """Bytes that were written."""
        self._file, self._digest = file, hashlib.sha256()
        self._todo: SimpleQueue[bytes | memoryview | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_busy = False
        self._begun = 0

    def close(self) -> None:
        """End the thread. The file stays open."""
        self._todo.put(None)

    def write(self, data: bytes | memoryview) -> None:
        """Write ``data``, which must not change before the next call."""
        self._wait()
        if len(data) < SMALL:
            self._digest.update(data)
            self._file.write(data)
        else:
            self._hash_beside(data)
            self._write_large(memoryview(data))
        self.size += len(data)

    @property
    def sha256(self) -> Digest:
        """The digest of what was written."""
        self._wait()
        return Digest(self._digest.hexdigest())

    def _hash_beside(self, data: bytes | memoryview) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._hash, daemon=True)
            self._thread.start()
        self._todo.put(data)
        self._is_busy = True

    def _wait(self) -> None:
        if self._is_busy:
            self._done.get()
            self._is_busy = False

    def _hash(self) -> None:
        while (data := self._todo.get()) is not None:
            self._digest.update(data)
            self._done.put(None)

    def _write_large(self, data: memoryview) -> None:
        for start in range(0, len(data), PIECE):
            self._file.write(data[start : start + PIECE])
        if self.size - self._begun >= WRITE_BACK:
            begin_write_back(self._file.fileno(), self._begun, self.size - self._begun)
            self._begun = self.size


def begin_write_back(descriptor: int, start: int, size: int) -> None:
    """Have the system begin to write a part of a file to disk, so that a later ``fsync`` waits for less."""
    if sys.platform == "linux":
        # Linux begins to write changed pages before it would drop them, and keeps what it is writing
        # (mm/fadvise.c). Python has no other way to ask for that.
        os.posix_fadvise(descriptor, start, size, os.POSIX_FADV_DONTNEED)
