"""Read the objects of a repository on this machine, without running or obeying anything in it.

Only `objects`, `refs`, `packed-refs`, `HEAD` and, for a linked work tree, two pointer files are read
(gitrepository-layout(5)). `config` and `hooks` are not read, so a repository that came from elsewhere cannot
name a program or another file. ``objects/info/alternates`` is followed, as `git clone --shared` needs:
objects in it are read only by id, and their contents are checked against the id. A pipe or a device in place
of a file would block, so it is refused. A local repository can still exhaust memory with a pack that inflates
endlessly; a remote repository, or a loose object, cannot.
"""

import contextlib
import itertools
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dulwich.object_store import BaseObjectStore, DiskObjectStore
from dulwich.refs import DiskRefsContainer

from tarkpm.errors import NotFound, Refused, TooLarge
from tarkpm.sources.git.error_translation import translated
from tarkpm.sources.git.limits import MIB, TransferBudget, TransferLimits
from tarkpm.sources.git.objects import KINDS, TAGS, Object, object_id
from tarkpm.sources.git.url import GitUrl

MAX_ALTERNATES: Final = 16
"""Limit of object folders a repository borrows from. git follows alternates five levels deep."""

_POINTER = 4096
"""Size limit of a pointer file, in bytes."""


class LocalObjects:
    """The `Objects` of one repository on this machine.

    Raises `NotFound` if there is no repository, and `Refused` for one in a format that is not supported.
    """

    def __init__(self, url: GitUrl, limits: TransferLimits) -> None:
        self._budget = TransferBudget(limits, url.public)
        with translated(self._budget):
            control, common = _layout(Path(url.local_path), url.public)
            # With the reftable backend, refs/ and HEAD are placeholders and would be misread.
            if (common / "reftable").exists():
                raise Refused("expected a repository of ref files, found a reftable", where=url.public)
            _check_plain(common / "packed-refs", 4 * limits.meta)
            self._refs = _Refs(common, control)
            folders = _object_folders(common / "objects")
            # dulwich opens packs and indexes by itself, so every file it may open is checked before.
            for folder in folders:
                for file in (*folder.glob("pack/*"), *folder.glob("info/*")):
                    _check_plain(file)
            room = 2 * limits.blob + MIB  # read slightly larger files, to report their size
            self._stores = [_Store(each, loose_object_size_limit=room) for each in folders]

    def close(self) -> None:
        """Close the files."""
        for store in self._stores:
            store.close()

    def ref(self, name: str) -> str | None:
        """Return the id of a ref, following symbolic refs; None if it does not exist."""
        with translated(self._budget):
            _names, value = self._refs.follow(name.encode())  # type: ignore[arg-type]
            return value.decode("ascii") if value else None

    def tags(self) -> list[str]:
        """Return the names of all tags."""
        with translated(self._budget):
            return [name.decode("utf-8", "replace") for name in self._refs.subkeys(TAGS)]  # type: ignore[arg-type]

    def find(self, oid: str) -> Object | None:
        """Return an object or None. Raises `Refused` if its contents do not match its id."""
        with translated(self._budget):
            # dulwich raises KeyError for an object that a store does not have.
            for store in self._stores:
                with contextlib.suppress(KeyError):
                    number, data = store.get_raw(oid.encode())  # type: ignore[arg-type]
                    return self._checked(oid, Object(KINDS[number], data))
            return None

    def beginning_with(self, prefix: str) -> list[str]:
        """Return the ids that begin with ``prefix``; two are enough to know that it is ambiguous."""
        found: dict[str, None] = {}
        with translated(self._budget):
            for store in self._stores:
                ids = store.iter_prefix(prefix.encode())
                found.update((oid.decode(), None) for oid in itertools.islice(ids, 2))
        return list(found)

    def _checked(self, oid: str, found: Object) -> Object:
        if object_id(found.kind, found.data) != oid:
            raise Refused(f"object {oid} is damaged", where=self._budget.where)
        return found

    def need_commit(self, oid: str, *also: str) -> None:
        """Raise `NotFound` unless the commits exist. They need no fetching."""
        for each in (oid, *also):
            if self.find(each) is None:
                raise NotFound(f"commit {each} is not in this repository", where=self._budget.where)

    def need_history(self, tip: str, known: str) -> None:
        """Do nothing: all local objects are available already."""

    def need_blobs(self, commit: str, oids: Sequence[str]) -> None:
        """Do nothing: local objects are available already, and a partial clone is not completed."""


def _check_plain(path: Path, most: int | None = None) -> None:
    """Raise `Refused` for a file that dulwich could block on or read without end. A link to a file passes."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(found.st_mode):
        raise Refused("expected a plain file", where=str(path))
    if most is not None and found.st_size > most:
        raise Refused(f"expected a file of at most {most:,} bytes", where=str(path))


class _Refs(DiskRefsContainer):
    """Refs in files that can be read to their end."""

    def read_loose_ref(self, name: Any) -> bytes | None:
        path = Path(os.fsdecode(self.refpath(name)))
        if not path.is_dir():
            _check_plain(path, _POINTER)
        return super().read_loose_ref(name)


class _Store(DiskObjectStore):
    """One folder of objects. `_object_folders` handles alternates: dulwich follows them without limit."""

    def _get_loose_object(self, sha: Any) -> Any:
        _check_plain(Path(self.path, f"{sha[:2].decode()}/{sha[2:].decode()}"))
        return super()._get_loose_object(sha)

    @property
    def alternates(self) -> list[BaseObjectStore]:
        return []


def _object_folders(first: Path) -> list[Path]:
    """Return ``first`` and the folders its alternates lead to, each once."""
    folders = [first]
    # The list grows while it is traversed; the limit and the check for duplicates end cycles.
    for folder in folders:
        listed = folder / "info" / "alternates"
        if not listed.is_file():
            continue
        lines = _text(listed, str(first)).splitlines()
        # A path that is not absolute is relative to the folder of objects that lists it.
        found = [(folder / line).resolve() for line in lines if line and not line.startswith("#")]
        folders += [each for each in dict.fromkeys(found) if each not in folders and each.is_dir()]
        if len(folders) > MAX_ALTERNATES + 1:
            raise TooLarge(f"the repository has more than {MAX_ALTERNATES} alternates", where=str(first))
    return folders


def _text(file: Path, where: str) -> str:
    """Return the text of a small file. Raises `TooLarge`: half a path names another place."""
    with file.open("rb") as stream:
        data = stream.read(_POINTER + 1)
    if len(data) > _POINTER:
        raise TooLarge(f"'{file.name}' has more than {_POINTER:,} bytes", where=where)
    return data.decode("utf-8", "surrogateescape")


def _layout(path: Path, where: str) -> tuple[Path, Path]:
    """Return the folder of a work tree's own refs, and the one it shares with others; usually the same.

    See gitrepository-layout(5) and git-worktree(1). Raises `NotFound`.
    """
    # In a linked work tree or a submodule, .git is a file that names the folder (gitrepository-layout(5)).
    pointer = path / ".git"
    if pointer.is_file():
        control = path / _pointed(pointer, "gitdir: ", where)
        shared = control / "commondir"
        return control, control / _pointed(shared, "", where) if shared.is_file() else control
    for control in (pointer, path):
        if (control / "objects").is_dir() and (control / "refs").is_dir():
            return control, control
    raise NotFound("there is no git repository", where=where)


def _pointed(file: Path, key: str, where: str) -> str:
    text = _text(file, where).strip("\n")
    if not text.startswith(key) or "\n" in text or "\0" in text:
        raise Refused(f"'{file.name}' does not point to a repository", where=where)
    return text[len(key) :]
