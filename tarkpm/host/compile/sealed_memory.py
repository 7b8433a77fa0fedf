"""Compiled code in memory that nobody can change, so that a worker runs exactly what was checked."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Final

from tarkpm.errors import HostError

CHUNK: Final = 2 << 20
BLOCK: Final = 256 << 10
"""Bytes read at a time: they are then still in the processor's cache when they are hashed and written."""


class Compiled:
    """An image that may be loaded, in a sealed memfd or, where there are none, as bytes. Must be closed.

    ``parts`` are the images that the code of an outlined component imports.
    """

    def __init__(self, image: bytes = b"", descriptor: int = -1) -> None:
        self._image = image
        self.descriptor = descriptor
        self.parts: list[Compiled] = []

    def read(self) -> bytes:
        """Return the image; empty if it is in the descriptor."""
        return self._image

    def given(self) -> "Compiled":
        """Transfer the ownership to a new object; closing this one then has no effect."""
        given = Compiled(self._image, self.descriptor)
        given.parts, self.parts = self.parts, []
        self.descriptor = -1
        return given

    def __enter__(self) -> "Compiled":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptors, if there are any."""
        for part in self.parts:
            part.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def copied(source: int, offset: int, size: int) -> tuple[Compiled, bytes]:
    """Copy ``size`` bytes of a file that others may write. Returns the copy and its `digests`.

    The digests are those of the copied bytes, even if the file changes meanwhile. Raises `OSError`, and
    `EOFError` for a shorter file.
    """
    if not is_mapped():
        image = _read(source, offset, size)
        return Compiled(image), digests(image)
    with Compiled(descriptor=_memfd()) as held:

        def parts(at: int, end: int) -> Iterator[memoryview]:
            buffer = memoryview(bytearray(BLOCK))
            for begin in range(at, end, BLOCK):
                block = buffer[: min(BLOCK, end - begin)]
                _fill(source, block, offset + begin)
                _put(held.descriptor, block, begin)
                yield block

        found = _digests(size, parts)
        _seal(held.descriptor)
        return held.given(), found


def digests(image: bytes | bytearray) -> bytes:
    """Return the concatenated SHA-256 digests of an image's chunks (`CHUNK` bytes each).

    One digest for each chunk, not one for the image, lets two threads hash it.
    """
    whole = memoryview(image)
    return _digests(len(image), lambda at, end: iter([whole[at:end]]))


def _digests(size: int, parts: Callable[[int, int], Iterable[memoryview]]) -> bytes:
    """Hash with two threads, because hashing is most of the work; ``parts`` yields a chunk in order."""
    starts = range(0, size, CHUNK)
    found = [b""] * len(starts)
    faults: list[BaseException] = []

    def take(first: int) -> None:
        try:
            for number in range(first, len(starts), 2):
                digest = hashlib.sha256()
                for part in parts(starts[number], min(starts[number] + CHUNK, size)):
                    digest.update(part)
                found[number] = digest.digest()
        except BaseException as problem:  # noqa: BLE001  # raised again below
            faults.append(problem)

    other = threading.Thread(target=take, args=(1,)) if len(starts) > 1 else None
    if other is not None:
        other.start()
    take(0)
    if other is not None:
        other.join()
    if faults:
        raise faults[0]
    return b"".join(found)


def _read(source: int, offset: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        parts.append(os.pread(source, size, offset))
        if not parts[-1]:
            raise EOFError
        size, offset = size - len(parts[-1]), offset + len(parts[-1])
    return b"".join(parts)


def _fill(source: int, block: memoryview, offset: int) -> None:
    """Read into an existing buffer. Systems with memfds have preadv, too."""
    while block:
        count = os.preadv(source, [block], offset)
        if not count:
            raise EOFError
        block, offset = block[count:], offset + count


def _put(target: int, block: memoryview, offset: int) -> None:
    while block:
        count = os.pwrite(target, block, offset)
        block, offset = block[count:], offset + count


def handed(image: bytes | bytearray) -> Compiled:
    """Return a freshly compiled image in the form of a cached one. Raises `HostError`."""
    if not is_mapped():
        return Compiled(bytes(image))
    try:
        with Compiled(descriptor=_memfd()) as held:
            _put(held.descriptor, memoryview(image), 0)
            _seal(held.descriptor)
            return held.given()
    except OSError as problem:
        raise HostError(f"cannot hold compiled code: {problem.strerror}") from None


def is_mapped() -> bool:
    """Return whether code is held in memfds: they exist, and a worker can open one through /proc/self/fd."""
    return hasattr(os, "memfd_create") and os.access("/proc/self/fd", os.X_OK)


def _memfd() -> int:
    return os.memfd_create("compiled", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _seal(fd: int) -> None:
    import fcntl

    # After this nobody can write, resize or unseal the memory, not even the worker (memfd_create(2)).
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
