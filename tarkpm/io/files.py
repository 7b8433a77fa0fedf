"""Bounded reads that follow no link, atomic writes, and verified copies.

`atomic_write` syncs file and folder by default, because documents and journals must survive a power cut.
Store blobs are not synced: every read checks their digest (docs/decisions/0001-what-is-synced-to-disk.md).
"""

import errno
import fcntl
import hashlib
import io
import os
import stat
import threading
from pathlib import Path
from typing import BinaryIO, Final

from tarkpm.core.digest import FileEntry
from tarkpm.errors import DigestMismatch, StoreError, TooLarge
from tarkpm.io.access import keep_access
from tarkpm.io.temporary import temporary

CHUNK: Final = 1024 * 1024
PIECE: Final = 128 * 1024
"""Bytes to write at once: for more, Linux may take ten times as long (docs/decisions/0247)."""
_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_FICLONE: Final = 0x40049409
_NO_REFLINK: Final = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.EBADF)


def read_file(path: Path, limit: int) -> bytes:
    """Return all bytes of a regular file, ``limit`` at most.

    Raises `FileNotFoundError`, `StoreError` for a link or anything else that is not a regular file, and
    `TooLarge`.
    """
    descriptor = _open_regular(path)
    try:
        # One byte more than there should be: the file may have grown. Memory for ``limit`` bytes, or the
        # system calls of a Python file object, would take longer than the file itself.
        parts, room = [], min(os.fstat(descriptor).st_size, limit) + 1
        while room and (part := os.read(descriptor, room)):
            parts.append(part)
            room = min(limit + 1 - sum(map(len, parts)), CHUNK)
    finally:
        os.close(descriptor)
    if sum(map(len, parts)) > limit:
        raise _too_long(path, limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading. Raises `FileNotFoundError`, and `StoreError` for anything else."""
    return os.fdopen(_open_regular(path), "rb")


def _open_regular(path: Path) -> int:
    try:
        # O_NONBLOCK: opening a FIFO must not hang; regular files ignore the flag.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise StoreError("expected a regular file, found a symbolic link", where=str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StoreError("expected a regular file", where=str(path))
    return descriptor


def _too_long(path: Path, limit: int) -> TooLarge:
    return TooLarge(f"the file has more than {limit:,} bytes", where=str(path))


def read_into(path: Path, buffer: bytearray, limit: int) -> memoryview:
    """Like `read_file`, but into ``buffer``, which grows as needed; returns a view, valid until its next use.

    Filling memory that was used before is several times faster than filling new memory.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise _too_long(path, limit)
        if len(buffer) <= size:
            buffer.extend(bytes(size + 1 - len(buffer)))
        view, filled = memoryview(buffer), 0
        while filled < len(view) and (count := file.readinto(view[filled:])):
            filled += count
        return view[:filled]


def read_optional(path: Path, limit: int) -> bytes | None:
    """Like `read_file`, but return None if the file does not exist."""
    try:
        return read_file(path, limit)
    except FileNotFoundError:
        return None


def atomic_write(path: Path, data: bytes, *, mode: int | None = None, durable: bool = True) -> None:
    """Replace ``path`` by ``data``: readers, also after a crash, find either the old bytes or the new ones.

    Without ``mode`` a file keeps its owner and permissions, and a new one gets 0644 less the umask. With
    ``durable`` False a power cut may lose the bytes: for callers that write many files and sync at the end.
    """
    staged = temporary(path)
    like = path if mode is None and os.path.lexists(path) else None
    try:
        write_new(staged, data, 0o600 if like else mode or 0o644, durable=durable, like=like)
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def replace_by(path: Path, staged: Path) -> None:
    """Rename ``staged``, a private file, to ``path``, whose owner and permissions it gets.

    Raises `OSError`, as ``rename`` does. A link at ``path`` is replaced, never followed.
    """
    descriptor = os.open(staged, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        keep_access(descriptor, path)
    finally:
        os.close(descriptor)
    staged.replace(path)


def keep(path: Path, data: bytes, *, mode: int) -> None:
    """Write ``data`` to a cache file atomically, not durably. Missing folders are created."""
    try:
        atomic_write(path, data, mode=mode, durable=False)
    except FileNotFoundError:
        make_private(path.parent)
        atomic_write(path, data, mode=mode, durable=False)


def open_new(path: Path, mode: int) -> BinaryIO:
    """Create ``path``, which must not exist, for writing, with ``mode`` at most (the umask applies)."""
    return os.fdopen(os.open(path, _NEW, mode), "wb")


def write_new(path: Path, data: bytes, mode: int, *, durable: bool = False, like: Path | None = None) -> None:
    """Create ``path``, which must not exist, with these bytes.

    ``like`` is the file that it is going to replace: it gets the same owner and permissions. The function
    avoids the five additional system calls of a Python file object, which count with hundreds of files.
    """
    descriptor = os.open(path, _NEW, mode)
    try:
        write_all(descriptor, data)
        if like:
            keep_access(descriptor, like)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of ``data``, a `PIECE` at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest[:PIECE]) :]


def sync_folder(path: Path) -> None:
    """Make renames in ``path`` durable, if the file system can sync folders."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def copy_verified(source: int, target: Path, entry: FileEntry, *, where: str, mode: int = 0o444) -> None:
    """Copy from the descriptor ``source`` to the new file ``target``, sharing blocks where possible.

    The bytes of the copy are checked. Raises `DigestMismatch` for ``where``, and then leaves no ``target``.
    """
    try:
        descriptor = os.open(target, _NEW, mode)
        try:
            digest, size = _clone(source, descriptor, target) or _copy(source, descriptor)
        finally:
            os.close(descriptor)
        # The copy is hashed, not the source, which could change while it is copied.
        if (digest, size) != (entry.sha256, entry.size):
            raise DigestMismatch(f"'{entry.name}' has sha256 {digest}, expected {entry.sha256}", where=where)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _clone(source: int, target: int, path: Path) -> tuple[str, int] | None:
    """Reflink, then hash the clone; None if the file system cannot reflink."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as problem:
        if problem.errno in _NO_REFLINK:
            return None
        raise
    with path.open("rb") as clone:
        return hashlib.file_digest(clone, "sha256").hexdigest(), os.fstat(clone.fileno()).st_size


def _copy(source: int, target: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    scratch = _scratch()
    buffer = memoryview(scratch)
    while count := os.readv(source, [scratch]):
        digest.update(buffer[:count])
        write_all(target, buffer[:count])
        size += count
    return digest.hexdigest(), size


_SCRATCH = threading.local()


def _scratch() -> bytearray:
    """Return this thread's buffer: reusing memory is faster than allocating it for each file."""
    if not hasattr(_SCRATCH, "buffer"):
        _SCRATCH.buffer = bytearray(CHUNK)
    buffer: bytearray = _SCRATCH.buffer
    return buffer


def make_private(folder: Path) -> Path:
    """Create ``folder`` and missing folders above it, accessible only to this user; returns it."""
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError:
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        if not folder.is_dir():
            raise
    return folder


def remove_tree(path: Path) -> None:
    """Delete a file, link or folder if it exists. Links are removed, never followed."""
    try:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_folder:
        path.unlink()
        return
    try:
        path.rmdir()
    except OSError:
        import shutil

        shutil.rmtree(path)


def move_contents(source: Path, target: Path) -> None:
    """Move the user's own files and folders from a folder into another existing one; links stay.

    An entry whose name is taken in ``target`` stays. If ``source`` is not a folder, nothing happens. The call
    may be repeated.
    """
    try:
        if not stat.S_ISDIR(source.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        status = entry.stat(follow_symlinks=False)
        # A file with other hard links is not moved: its other names may be anywhere.
        own = stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1)
        if own and status.st_uid == os.geteuid() and not os.path.lexists(target / entry.name):
            _move(Path(entry.path), target / entry.name)


def _move(source: Path, target: Path) -> None:
    """Rename, or copy to another file system and keep the original."""
    try:
        source.rename(target)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        import shutil

        beside = target.parent / f".{target.name}.tmp"
        remove_tree(beside)
        if source.is_dir():
            shutil.copytree(source, beside, symlinks=True)
        else:
            shutil.copy2(source, beside, follow_symlinks=False)
        beside.rename(target)
