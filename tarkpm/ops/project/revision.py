"""Read a project's documents from a revision of the git repository around it."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.lockfile import Lock, parse
from tarkpm.core.names import LOCK, PROJECT
from tarkpm.core.project import Project
from tarkpm.errors import NotFound, Refused
from tarkpm.ops.project.location import Location
from tarkpm.ops.project.ownership import check_owner
from tarkpm.sources.git.revision import Repository, repository_above

HEAD: Final = "HEAD"
ATTRIBUTES: Final = ".gitattributes"
ENCODING: Final = b"working-tree-encoding"
"""The attribute that makes git convert a file when it checks it out (gitattributes(5))."""


class Revision(msgspec.Struct, frozen=True):
    """The documents of a project in a commit; those that it lacks are empty: the project begins later.

    ``name`` is what the user called it, ``commit`` its id.
    """

    name: str
    commit: str
    project_text: bytes
    lock_text: bytes

    def project(self) -> Project:
        """Parse tark.toml. Raises `ProjectError`."""
        return Project.parse(self.project_text, where=f"{self.name}:{PROJECT}")

    def lock(self) -> Lock:
        """Parse tark.lock. Raises `LockError`."""
        return parse(self.lock_text, where=f"{self.name}:{LOCK}") if self.lock_text else Lock()


def read_revision(location: Location, name: str, instead: str) -> Revision:
    """Return the documents of the project in the revision ``name``; nothing of the repository is run.

    ``instead`` is the command that needs no repository. Raises `NotFound` without a repository or a revision
    of this name, `Refused` for a repository of another user or one that checks out other text, `SourceError`.
    """
    top = repository_above(location.folder)
    if top is None:
        text = f"'{name}' is a revision, and this project is in no git repository"
        raise NotFound(text, where=str(location.folder), hint=instead)
    return _read(top, location.folder.relative_to(top), name, instead)


def last_committed(location: Location, instead: str) -> Revision | None:
    """Return the documents of the project in HEAD; None without a repository, or a commit in it.

    Raises as `read_revision` does.
    """
    top = repository_above(location.folder)
    if top is None:
        return None
    try:
        return _read(top, location.folder.relative_to(top), HEAD, instead)
    except NotFound:  # nothing was committed yet
        return None


def _read(top: Path, folder: Path, name: str, instead: str) -> Revision:
    # Who writes its refs decides what "before" is (docs/decisions/0081).
    check_owner(top / ".git", "this repository is not yours", hint=instead)
    paths = [str(folder / each) for each in (PROJECT, LOCK)]
    attributes = [str(each / ATTRIBUTES) for each in (folder, *folder.parents)]
    with Repository(top) as repository:
        commit = repository.commit(name)
        found = repository.read(commit, [*paths, *attributes])
    _check_attributes(name, {path: data for path, data in found.items() if path not in paths})
    project, lock = (found.get(path, b"") for path in paths)
    return Revision(name, commit, project, lock)


def _check_attributes(name: str, found: Mapping[str, bytes]) -> None:
    """Raise `Refused` where git may write other text into a work tree than the revision holds.

    In another encoding, a comment can become tables that a review of the revision did not see.
    """
    for path, data in found.items():
        if ENCODING in data:
            what = "git checks out other files than this revision holds"
            text = f"{path} sets {ENCODING.decode()}: {what}"
            raise Refused(text, where=name, hint=f"git show {shlex.quote(f'{name}:{path}')}")
