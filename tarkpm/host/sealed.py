"""Compiled code where nobody can change it any more, so that what was checked is what a worker runs."""

import mmap
import os
from types import TracebackType

from tarkpm.errors import HostError


class Compiled:
    """An image that may be loaded: in a sealed memfd where there are such, else as bytes. To be closed."""

    def __init__(self, image: bytes = b"", descriptor: int = -1) -> None:
        self._image = image
        self.descriptor = descriptor

    def read(self) -> bytes:
        """The image; empty if it is in the descriptor."""
        return self._image

    def given(self) -> "Compiled":
        """The same, to be closed by somebody else: closing this one has no effect any more."""
        given = Compiled(self._image, self.descriptor)
        self.descriptor = -1
        return given

    def __enter__(self) -> "Compiled":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the descriptor, if there is one."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Copy:
    """An image out of a file that others may write, where nobody can: what is checked here is what is run."""

    def __init__(self, source: int, offset: int, size: int) -> None:
        self._bytes = b""
        self._map: mmap.mmap | None = None
        self._fd = _memfd() if is_mapped() else -1
        try:
            if self._fd < 0:
                self._bytes = _read(source, offset, size)
                self.is_whole = len(self._bytes) == size
                return
            self.is_whole = _copied(source, self._fd, offset, size) == size
            _seal(self._fd)
            if self.is_whole:
                self._map = mmap.mmap(self._fd, size, mmap.MAP_PRIVATE, mmap.PROT_READ)
        except BaseException:
            self.close()
            raise

    @property
    def view(self) -> bytes | mmap.mmap:
        """What is to be checked, until `close`."""
        return self._bytes if self._map is None else self._map

    def given(self) -> Compiled:
        """What was checked, to be closed by who gets it."""
        fd, self._fd = self._fd, -1
        return Compiled(self._bytes, fd)

    def close(self) -> None:
        """Let go of what was not given."""
        if self._map is not None:
            self._map.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def handed(image: bytes | bytearray) -> Compiled:
    """An image we have just had made, as one that was kept. Raises `HostError`."""
    if not is_mapped():
        return Compiled(bytes(image))
    try:
        with Compiled(descriptor=_memfd()) as held:
            rest = memoryview(image)
            while rest:
                rest = rest[os.write(held.descriptor, rest) :]
            _seal(held.descriptor)
            return held.given()
    except OSError as problem:
        raise HostError(f"cannot hold compiled code: {problem.strerror}") from None


def is_mapped() -> bool:
    """Whether code is held in memfds here: there are such, and a worker can open one again through /proc."""
    return hasattr(os, "memfd_create") and os.access("/proc/self/fd", os.X_OK)


def _memfd() -> int:
    return os.memfd_create("compiled", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _read(source: int, offset: int, size: int) -> bytes:
    parts, done = [], 0
    while done < size and (part := os.pread(source, size - done, offset + done)):
        parts.append(part)
        done += len(part)
    return b"".join(parts)


def _copied(source: int, target: int, offset: int, size: int) -> int:
    done = 0
    while done < size:
        count = os.sendfile(target, source, offset + done, size - done)
        if not count:
            break
        done += count
    return done


def _seal(fd: int) -> None:
    import fcntl

    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
