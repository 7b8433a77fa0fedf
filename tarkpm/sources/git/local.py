"""Read the objects of a repository on this machine, without running or obeying anything in it.

Only `objects`, `refs`, `packed-refs`, `HEAD` and, for a linked work tree, two pointer files are read;
`config` and `hooks` are not, so a repository that came from elsewhere cannot name a program or another
file. ``objects/info/alternates`` is followed, as `git clone --shared` needs: objects in it are read only by
id, and their bytes are checked against the id. A pipe or a device in place of a file would block, so it is
refused. A local repository can still exhaust memory with a pack that inflates endlessly; a remote repository,
or a loose object, cannot.
"""

import contextlib
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
from tarkpm.sources.git.objects import KINDS, Object, object_id
from tarkpm.sources.git.url import GitUrl

MAX_ALTERNATES: Final = 16
"""Other object folders a repository may borrow from, git's five levels of them included."""

_POINTER = 4096
"""Bytes a pointer file may have."""


class LocalObjects:
    """`Objects` of one repository on this machine."""

    def __init__(self, url: GitUrl, limits: TransferLimits) -> None:
        self._budget = TransferBudget(limits, url.public)
        with translated(self._budget):
            control, common = _layout(Path(url.local_path), url.public)
            if (common / "reftable").exists():
                raise Refused("expected a repository of ref files, found a reftable", where=url.public)
            _check_plain(common / "packed-refs", 4 * limits.meta)
            self._refs = _Refs(common, control)
            folders = _object_folders(common / "objects")
            for folder in folders:
                for file in (*folder.glob("pack/*"), *folder.glob("info/*")):
                    _check_plain(file)
            room = 2 * limits.blob + MIB  # so that a file somewhat over the limit is still told by its size
            self._stores = [_Store(each, loose_object_size_limit=room) for each in folders]

    def close(self) -> None:
        """Close the files."""
        for store in self._stores:
            store.close()

    def ref(self, name: str) -> str | None:
        """Read one ref, through symbolic ones."""
        with translated(self._budget):
            _names, value = self._refs.follow(name.encode())  # type: ignore[arg-type]
            return value.decode("ascii") if value else None

    def find(self, oid: str) -> Object | None:
        """Read an object and check it against its id."""
        with translated(self._budget):
            for store in self._stores:
                with contextlib.suppress(KeyError):
                    number, data = store.get_raw(oid.encode())  # type: ignore[arg-type]
                    return self._checked(oid, Object(KINDS[number], data))
            return None

    def _checked(self, oid: str, found: Object) -> Object:
        if object_id(found.kind, found.data) != oid:
            raise Refused(f"object {oid} is damaged", where=self._budget.where)
        return found

    def need_commit(self, oid: str, *also: str) -> None:
        """Raise `NotFound` unless the commits are here."""
        for each in (oid, *also):
            if self.find(each) is None:
                raise NotFound(f"commit {each} is not in this repository", where=self._budget.where)

    def need_history(self, tip: str, known: str) -> None:
        """Do nothing: what is here is here."""

    def need_blobs(self, commit: str, oids: Sequence[str]) -> None:
        """Do nothing: what is here is here, and a partial clone is not completed."""


def _check_plain(path: Path, most: int | None = None) -> None:
    """Raise `Refused` for what dulwich could wait for, or read, without end. A link may lead to a file."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(found.st_mode):
        raise Refused("expected a plain file", where=str(path))
    if most is not None and found.st_size > most:
        raise Refused(f"expected a file of at most {most:,} bytes", where=str(path))


class _Refs(DiskRefsContainer):
    """Refs of files that are read to their end."""

    def read_loose_ref(self, name: Any) -> bytes | None:
        path = Path(os.fsdecode(self.refpath(name)))
        if not path.is_dir():
            _check_plain(path, _POINTER)
        return super().read_loose_ref(name)


class _Store(DiskObjectStore):
    """One folder of objects. Alternates are found by `_object_folders`: dulwich follows them without end."""

    def _get_loose_object(self, sha: Any) -> Any:
        _check_plain(Path(self.path, f"{sha[:2].decode()}/{sha[2:].decode()}"))
        return super()._get_loose_object(sha)

    @property
    def alternates(self) -> list[BaseObjectStore]:
        return []


def _object_folders(first: Path) -> list[Path]:
    """``first`` and what its alternates lead to, each once."""
    folders = [first]
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
    """The folders of a work tree's own refs and of everything shared, which are mostly one."""
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
