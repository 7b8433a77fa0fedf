"""One file of the cache of compiled code: how it is named, written, read and checked."""

import contextlib
import hashlib
import hmac
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tarkpm.host.compile.sealed_memory import Compiled, copied, digests
from tarkpm.host.ipc.frames import MAX_COMPILED
from tarkpm.host.module.outline import MAX_PARTS
from tarkpm.io.files import write_all

MAGIC: Final = b"tarkpmC2"
OUTLINED: Final = b"tarkpmC3"
"""The magic of an outlined component. The number of its parts and their SHA-256 digests follow the MAC."""
_DIGEST: Final = hashlib.sha256().digest_size
_HEAD: Final = len(MAGIC) + _DIGEST
_SUFFIX: Final = ".compiled"
STALE_AFTER: Final = 24 * 3600.0
"""Seconds after which an unfinished temporary file is removed."""


class CheckedCode(NamedTuple):
    """Checked code, and the digests of its parts."""

    code: Compiled
    parts: tuple[str, ...]


class Entry:
    """One file of the cache: magic, MAC, the list of parts if it is an outlined component, and image."""

    def __init__(self, folder: Path, digest: str, made_for: bytes) -> None:
        self._folder = folder / digest[:2]
        self._digest = digest
        name = f"{digest}-{hashlib.sha256(made_for).hexdigest()[:16]}{_SUFFIX}"
        self.path = self._folder / name
        # The digest has a fixed length and the fingerprint is preceded by its length, so that no two
        # different pairs give the same bytes.
        self._context = b"%s\0%d\0%s" % (digest.encode(), len(made_for), made_for)

    def find(self, key: bytes) -> CheckedCode | None:
        """Return the checked code, or None. An entry that does not pass is removed."""
        # O_NOFOLLOW refuses a link to another entry; O_NONBLOCK, so that a fifo in its place does not hang.
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError:  # a link or a folder, which tarkpm never writes
            self._drop()
            return None
        try:
            found = self._read(key, fd)
        except (OSError, EOFError):
            found = None
        finally:
            os.close(fd)
        if found is None:
            self._drop()
        return found

    def _read(self, key: bytes, fd: int) -> CheckedCode | None:
        about = os.fstat(fd)
        head = os.pread(fd, _HEAD + 1 + MAX_PARTS * _DIGEST, 0)
        parts = _parts(head)
        start = _HEAD + len(parts)
        size = about.st_size - start
        is_code = head.startswith((MAGIC, OUTLINED)) and 0 < size <= MAX_COMPILED
        if not is_code or not stat.S_ISREG(about.st_mode):
            return None
        # Copy first, then check the copy: the file may change between a check and the load.
        copy, found = copied(fd, start, size)
        with copy:
            mac = self._mac(key, head[: len(MAGIC)], parts, size, found)
            is_ours = hmac.compare_digest(mac, head[len(MAGIC) : _HEAD])
            return CheckedCode(copy.given(), _spelled(parts)) if is_ours else None

    def keep(self, key: bytes, image: bytes | bytearray, parts: Sequence[str] = ()) -> None:
        """Write the entry, and remove this module's entries for other versions or configurations.

        ``parts`` are the digests of what the code of an outlined component imports.
        """
        magic = OUTLINED if parts else MAGIC
        listed = bytes((len(parts),)) + b"".join(map(bytes.fromhex, parts)) if parts else b""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._folder / f".{self._digest}.{os.getpid()}.{os.urandom(4).hex()}.part"
        try:
            head = magic + self._mac(key, magic, listed, len(image), digests(image)) + listed
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(beside, flags, 0o600)
            try:
                write_all(descriptor, head)
                write_all(descriptor, image)
            finally:
                os.close(descriptor)
            beside.replace(self.path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        self._tidy()

    def _mac(self, key: bytes, magic: bytes, parts: bytes, size: int, digests: bytes) -> bytes:
        mac = hmac.new(key, magic + b"\0" + self._context, hashlib.sha256)
        # The magic says whether there are parts, and their first byte how long they are.
        mac.update(parts)
        mac.update(b"%d\0" % size)
        mac.update(digests)
        return mac.digest()

    def _tidy(self) -> None:
        for path in self._folder.iterdir():
            # After an upgrade of wasmtime the old entries are never read again, and they are large.
            is_old = path.name.startswith(f"{self._digest}-") and path != self.path
            if path.name.endswith(".part"):
                with contextlib.suppress(OSError):
                    is_old = time.time() - path.lstat().st_mtime > STALE_AFTER
            if is_old:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _drop(self) -> None:
        with contextlib.suppress(OSError):
            # A folder is moved away, not deleted: tarkpm did not create its contents.
            if stat.S_ISDIR(self.path.lstat().st_mode):
                self.path.rename(self._folder / f".{self.path.name}.{os.urandom(4).hex()}.odd")
            else:
                self.path.unlink()


def parts_of(path: Path) -> tuple[str, ...]:
    """Return the digests of the parts that an entry names; they are not checked."""
    try:
        with path.open("rb") as file:
            return _spelled(_parts(file.read(_HEAD + 1 + MAX_PARTS * _DIGEST)))
    except OSError:
        return ()


def _parts(head: bytes) -> bytes:
    """Return the list of parts in the beginning of a file: their number, and their digests."""
    if not head.startswith(OUTLINED) or len(head) <= _HEAD:
        return b""
    return head[_HEAD : _HEAD + 1 + min(head[_HEAD], MAX_PARTS) * _DIGEST]


def _spelled(parts: bytes) -> tuple[str, ...]:
    return tuple(parts[at : at + _DIGEST].hex() for at in range(1, len(parts), _DIGEST))
