"""tark:plugin/filesystem: files in the granted files and folders of the workspace.

A file is checked after it was opened (`fstat`), because it may change before that. Only regular files with
one hard link are read or written: another link may be a file that was never granted, and nothing tells which.
This excludes trees that package managers link from their stores. They are rarely granted to a plugin, and the
refusal names the reason.

A write creates a new file in the same folder and renames it over the old one. A reader or a crash sees the
old or the new text, and a link that appears in between is replaced, not followed.

Not covered: a folder that the user moves while it is open stays the same folder; a file system that hangs (a
dead network mount) delays the call; the total amount of written data is not limited.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.home_path import Parts
from tarkpm.core.scope import READ_ONLY
from tarkpm.host.imports.folders import (
    Inside,
    PathError,
    WorkspaceFolder,
    check_file,
    closed,
    explained,
    read_text,
    replace_file,
    split,
)
from tarkpm.host.imports.guard import identity, is_protected
from tarkpm.host.limits import MIB, size

MAX_FILE: Final = 8 * MIB
MAX_ENTRIES: Final = 10_000
_DONE: Final = {"ok": None}


class _Grant(msgspec.Struct, frozen=True):
    """One scope: a folder and all below it, or a single file."""

    parts: Parts
    is_folder: bool
    is_writable: bool

    @classmethod
    def read(cls, scope: str) -> "_Grant":
        path = scope.removesuffix(READ_ONLY)
        return cls(tuple(path.removesuffix("/").split("/")), path.endswith("/"), path == scope)

    def covers(self, parts: Parts, *, write: bool) -> bool:
        """Return whether a path is granted. A granted folder can be listed, but not removed or replaced."""
        if write and not self.is_writable:
            return False
        if self.is_folder and len(parts) > len(self.parts):
            return parts[: len(self.parts)] == self.parts
        return parts == self.parts and not (write and self.is_folder)


class Filesystem:
    """One plugin's files."""

    def __init__(self, granted: CapabilitySet, workspace: WorkspaceFolder) -> None:
        self._grants = [_Grant.read(c.scope) for c in granted if c.kind == "filesystem"]
        self._workspace = workspace

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:  # noqa: ARG002  # see above
        """Return the JSON value of `read`, `write`, `list`, `stat` or `remove`."""
        path, *content = args
        try:
            parts = self._granted(path, function)
            match function:
                case "read":
                    return {"ok": self._read(parts)}
                case "write":
                    self._write(parts, content[0].encode())
                    return _DONE
                case "list":
                    return {"ok": self._list(parts)}
                case "stat":
                    return {"ok": self._stat(parts)}
            self._remove(parts)
        except PathError as problem:
            return {"err": str(problem)}
        except UnicodeEncodeError:
            return {"err": "the text is not valid Unicode"}
        except OSError as problem:
            return {"err": explained(problem)}
        return _DONE

    def close(self) -> None:
        """Do nothing; no file is open between calls."""

    def _granted(self, path: str, function: str) -> Parts:
        parts = split(path)
        if any(map(is_protected, parts)):
            raise closed()
        write = function in ("write", "remove")
        asked = (*parts, "what is in it") if function == "list" else parts
        if not any(grant.covers(asked, write=write) for grant in self._grants):
            is_readable = write and any(grant.covers(parts, write=False) for grant in self._grants)
            raise PathError("is granted for reading only" if is_readable else "is not granted to this plugin")
        return parts

    def _read(self, parts: Parts) -> str:
        with self._workspace.folder(parts[:-1]) as inside:
            return read_text(inside.open(parts[-1]), parts[-1], MAX_FILE)

    def _write(self, parts: Parts, data: bytes) -> None:
        if len(data) > MAX_FILE:
            raise PathError(f"the text is larger than {size(MAX_FILE)}")
        with self._workspace.folder(parts[:-1]) as inside:
            folder = inside.open(parts[-1], write=True)
            replace_file(folder, parts[-1], data, _mode_of(folder, parts[-1]))

    def _list(self, parts: Parts) -> list[Any]:
        entries: list[dict[str, str | int]] = []
        with self._inside(parts) as inside, os.scandir(inside.descriptor) as found:
            for entry in found:
                # What is closed is not listed either (decision 0082).
                if not _is_text(entry.name) or inside.closes(entry.name, write=False):
                    continue
                if len(entries) == MAX_ENTRIES:
                    raise PathError(f"the folder has more than {MAX_ENTRIES:,} entries")
                with contextlib.suppress(FileNotFoundError):  # it was removed during the listing
                    entries.append(_entry(entry.name, entry.stat(follow_symlinks=False)))
        return sorted(entries, key=lambda entry: str(entry["name"]))

    def _stat(self, parts: Parts) -> Any:
        with self._workspace.folder(parts[:-1]) as inside:
            folder = inside.open(parts[-1])
            return _entry(parts[-1], os.stat(parts[-1], dir_fd=folder, follow_symlinks=False))

    def _remove(self, parts: Parts) -> None:
        with self._workspace.folder(parts[:-1]) as inside:
            folder = inside.open(parts[-1], write=True)
            found = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                # The folder must be the one that was checked: it may have been replaced by another one.
                with self._inside(parts) as below:
                    if identity(os.fstat(below.descriptor)) != identity(found):
                        raise PathError("the folder changed during the call")
                os.rmdir(parts[-1], dir_fd=folder)
            elif not stat.S_ISREG(found.st_mode):
                raise PathError("is neither a file nor a folder")
            elif not found.st_mode & 0o222:
                raise PathError("is write-protected")
            else:
                os.unlink(parts[-1], dir_fd=folder)

    @contextlib.contextmanager
    def _inside(self, parts: Parts) -> Iterator[Inside]:
        """Open a folder itself. Raises `PathError` if it is a private one."""
        with self._workspace.folder(parts[:-1]) as inside:
            inside.open(parts[-1])
        with self._workspace.folder(parts) as inside:
            yield inside


def _mode_of(folder: int, name: str) -> int | None:
    """Return the permissions of the file to replace, None if there is none.

    Raises `PathError` for a file that must not be replaced.
    """
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    check_file(found)
    if not found.st_mode & 0o222:
        raise PathError("is write-protected")
    return found.st_mode & 0o777


def _entry(name: str, found: os.stat_result) -> dict[str, str | int]:
    if stat.S_ISREG(found.st_mode):
        return {"name": name, "kind": "file", "size": found.st_size}
    return {"name": name, "kind": "directory" if stat.S_ISDIR(found.st_mode) else "other", "size": 0}


def _is_text(name: str) -> bool:
    """Return whether a name is UTF-8. A plugin can neither receive nor send another one."""
    return not any("\ud800" <= char <= "\udfff" for char in name)
