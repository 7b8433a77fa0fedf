"""Compare files of a work tree with HEAD, as `git status` does, without running or obeying anything there.

The bytes as they are become blob ids (git-hash-object(1)) and are compared with those in HEAD's tree. So no
filter, line-end conversion, fsmonitor, hook or setting takes part, and the index, which may say that a file
did not change (git-update-index(1), ``--assume-unchanged``), is not read. Of ``.gitignore`` only the files in
the work tree count, not those that a setting names.
"""

import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from tarkpm.errors import Refused
from tarkpm.sources.git.limits import MIB
from tarkpm.sources.git.objects import TreeEntry, object_id
from tarkpm.sources.git.revision import Repository

_IGNORE: Final = ".gitignore"

State = Literal["modified", "untracked", "deleted"]


class FileState(NamedTuple):
    """A file, by path relative to the compared folder, that is not as HEAD has it."""

    path: str
    state: State


class WorkTree:
    """A folder of a work tree, compared with HEAD of its repository, which is closed again at once.

    Raises `SourceError`, as `Repository` does.
    """

    def __init__(self, top: Path, folder: Path, enter: Callable[[str, Collection[str]], bool]) -> None:
        """Read what HEAD has in ``folder``, a folder in ``top``; for ``enter`` see `GitTree.below`."""
        self._top = top
        self._place = folder.relative_to(top).as_posix() if folder != top else ""
        self._committed: dict[str, TreeEntry] = {}
        with Repository(top) as repository:
            if tree := repository.head():
                self._committed = dict(tree.below(self._place, enter))

    def has(self, path: str) -> bool:
        """Return whether HEAD has this file."""
        return path in self._committed

    def changes(self, files: Mapping[str, bytes], expected: Iterable[str] = ()) -> Iterator[FileState]:
        """Yield the ``files`` that are not as in HEAD, and the ``expected`` ones that are not among them."""
        for path, data in sorted(files.items()):
            entry = self._committed.get(path)
            if entry is None:
                yield FileState(path, "untracked")
            elif not stat.S_ISREG(entry.mode) or entry.oid != object_id("blob", data):
                yield FileState(path, "modified")
        yield from (FileState(path, "deleted") for path in sorted(set(expected) - files.keys()))

    def committed(self) -> Collection[str]:
        """Return the files that HEAD has."""
        return self._committed.keys()

    def ignored(self, path: str) -> bool:
        """Return whether a ``.gitignore`` of the work tree excludes a file that HEAD does not have."""
        from dulwich.ignore import IgnoreFilterManager

        if self.has(path):
            return False
        whole = Path(self._place, path)
        for folder in whole.parents:
            _check_readable(self._top / folder / _IGNORE)
        # Not `from_repo`: that reads the settings, which name further files.
        rules = IgnoreFilterManager(str(self._top), [], ignorecase=False)
        return bool(rules.is_ignored(whole.as_posix()))


def _check_readable(file: Path) -> None:
    """Raise `Refused` for a file that dulwich would wait for, or read without end."""
    try:
        found = file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)) or found.st_size > MIB:
        raise Refused("expected a plain file of at most 1 MiB", where=str(file))
