"""Paths inside a folder of the user, and opening them without following links.

If a path were checked and then opened, a process that changes a folder in between could choose what is
opened. Each component is therefore opened relative to the descriptor of the folder before it, with
``O_NOFOLLOW``. A folder that was reached can no longer be exchanged, and ``..`` and absolute paths are
refused.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tarkpm.core.home_path import Parts
from tarkpm.host.imports.guard import NOTHING, Guard, Way
from tarkpm.host.limits import MIB, size

MAX_PATH: Final = 1024
MAX_DEPTH: Final = 64
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class PathError(Exception):
    """A path cannot be used. The plugin gets the message."""


def split(path: str, base: str = "the workspace") -> Parts:
    """Return the components of a relative path, without a leading ``./`` and a trailing ``/``.

    Raises `PathError` for every path that is not plainly below the ``base``.
    """
    parts = tuple(path.removeprefix("./").removesuffix("/").split("/"))
    # Backslashes separate parts on Windows, whose disks WSL mounts; control characters forge messages.
    if path.startswith("/") or "\\" in path or any(not char.isprintable() for char in path):
        raise PathError(f"expected a path relative to {base}, with '/' between its parts")
    if len(path) > MAX_PATH or len(parts) > MAX_DEPTH:
        raise PathError(f"the path is longer than {MAX_PATH:,} characters or {MAX_DEPTH} parts")
    if any(part in ("", ".", "..") for part in parts):
        raise PathError("a path with an empty part, '.' or '..' is not accepted")
    return parts


class Inside:
    """An open folder: its descriptor, and which of its entries a plugin may use."""

    def __init__(self, descriptor: int, way: Way) -> None:
        self.descriptor = descriptor
        self.closes = way.closes

    def open(self, name: str, *, write: bool = False, credentials: bool = False) -> int:
        """Return the descriptor, to read or ``write`` ``name`` in it.

        Raises `PathError` for a name that `closes` excludes.
        """
        if self.closes(name, write=write, credentials=credentials):
            raise closed()
        return self.descriptor


class WorkspaceFolder:
    """A folder of the user, below which paths are opened."""

    def __init__(self, root: Path, guard: Guard = NOTHING) -> None:
        self._root = root.resolve()
        self._guard = guard

    @contextlib.contextmanager
    def folder(self, parts: Parts) -> Iterator[Inside]:
        """Open the folder ``parts`` below the root. Raises `PathError` and `OSError`."""
        descriptor = os.open(self._root, _FOLDER)
        try:
            way = Way(self._guard, self._root)
            for part in parts:
                # The guard sees each folder's identity from its open descriptor, so it cannot be exchanged.
                below = open_folder(descriptor, part)
                os.close(descriptor)
                descriptor = below
                way.enter(part, os.fstat(descriptor))
            if way.is_closed:
                raise closed()
            yield Inside(descriptor, way)
        finally:
            os.close(descriptor)


def closed() -> PathError:
    """Return the error for files and folders that no plugin may use."""
    return PathError("plugins may not use this file or folder")


def open_folder(folder: int, name: str) -> int:
    """Open the folder ``name`` in ``folder``, unless it is a link. Raises `PathError` and `OSError`."""
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as problem:
        if problem.errno in (errno.ELOOP, errno.ENOTDIR) and is_link(folder, name):
            raise PathError(f"'{name}' is a link, and links are not followed") from None
        raise


def is_link(folder: int, name: str) -> bool:
    """Return whether ``name`` is a symbolic link now. For messages only: it may change at any time."""
    with contextlib.suppress(OSError):
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    return False


def read_file(folder: int, name: str, limit: int) -> bytes:
    """Return the contents of a regular file, or ``limit`` and one more byte if it is longer.

    Raises `PathError` and `OSError`.
    """
    check_file(os.stat(name, dir_fd=folder, follow_symlinks=False))  # first: opening a device acts
    descriptor = os.open(name, _READ, dir_fd=folder)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  # a descriptor, not a path
        # Again on the descriptor, because the file may have been exchanged since.
        check_file(os.fstat(descriptor))
        return _read_up_to(file.fileno(), limit + 1)


def read_text(folder: int, name: str, limit: int) -> str:
    """Return the text of a regular file of at most ``limit`` bytes. Raises `PathError` and `OSError`."""
    data = read_file(folder, name, limit)
    if len(data) > limit:
        raise PathError(f"the file is larger than {size(limit)}")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise PathError("the file is not UTF-8 text") from None


def replace_file(folder: int, name: str, data: bytes, mode: int | None) -> None:
    """Replace a file by ``data``, atomically and synced: a reader or a crash sees the old or the new text.

    Without ``mode`` the file gets the permissions of the user's new files. Raises `OSError`.
    """
    # In the same folder, because a rename is atomic only within one file system.
    temporary = f".{os.urandom(8).hex()}.tark-tmp"
    try:
        _write_new(folder, temporary, data, mode)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    with contextlib.suppress(OSError):  # not every file system can sync folders
        os.fsync(folder)


def _write_new(folder: int, name: str, data: bytes, mode: int | None) -> None:
    descriptor = os.open(name, _NEW, 0o666 if mode is None else 0o600, dir_fd=folder)
    with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
        file.write(data)
        file.flush()
        if mode is not None:
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def check_file(found: os.stat_result) -> None:
    """Raise `PathError` unless this is a regular file with a single hard link."""
    if stat.S_ISLNK(found.st_mode):
        raise PathError("is a link, and links are not followed")
    if not stat.S_ISREG(found.st_mode):
        raise PathError("is a folder" if stat.S_ISDIR(found.st_mode) else "is not a regular file")
    if found.st_nlink > 1:
        raise PathError("is a hard link, and its other names may not be granted")


def explained(problem: OSError) -> str:
    """Return the reason why a file cannot be used, in words."""
    match problem.errno:
        case errno.ENOENT:
            return "does not exist"
        case errno.ELOOP:
            return "is a link, and links are not followed"
        case errno.ENOTEMPTY | errno.EEXIST:
            return "the folder is not empty"
        case errno.ENOTDIR:
            return "is not a folder"
    return f"cannot be used: {problem.strerror}"


def _read_up_to(descriptor: int, limit: int) -> bytes:
    chunks, left = [], limit
    while left and (chunk := os.read(descriptor, min(left, MIB))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)
