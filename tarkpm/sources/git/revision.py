"""Read the files of a revision from a project's own repository, named as git names revisions.

A part of gitrevisions(7): HEAD, a branch, a tag, a remote's branch, a commit's id or its beginning, each
followed by any of ``~N`` and ``^N``. The repository is read as `tarkpm.sources.git.local` reads one: its
configuration is not obeyed and nothing in it is run.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tarkpm.core.release import is_commit
from tarkpm.core.text import short
from tarkpm.errors import NotFound, Refused
from tarkpm.sources.git.local import LocalObjects
from tarkpm.sources.git.objects import parents_of
from tarkpm.sources.git.session import GitRemote
from tarkpm.sources.git.url import parse

MAX_STEPS: Final = 10_000
"""Commits that ``~N`` goes back at most."""
_REVISION: Final = re.compile(r"(?P<name>[^~^]+)(?P<steps>(?:[~^][0-9]{0,5})*)")
_STEP: Final = re.compile(r"([~^])([0-9]*)")
_HEADS: Final = re.compile(r"[A-Z]+(_HEAD)?")
_PREFIX: Final = re.compile(r"[0-9a-f]{4,39}")
_PLACES: Final = (
    "refs/{}",
    "refs/tags/{}",
    "refs/heads/{}",
    "refs/remotes/{}",
    "refs/remotes/{}/HEAD",
)
"""Where git looks for a name, in this order (gitrevisions(7))."""


def repository_above(folder: Path) -> Path | None:
    """Return the nearest folder, from ``folder`` upwards, that is a work tree of git; None without one."""
    return next(filter(_is_work_tree, (folder, *folder.parents)), None)


def _is_work_tree(folder: Path) -> bool:
    # git passes over a folder .git without HEAD, too; a linked work tree has a file there.
    return (folder / ".git" / "HEAD").exists() or (folder / ".git").is_file()


class Repository(GitRemote):
    """The repository of a work tree. A context manager; raises `SourceError` as `GitRemote` does."""

    def __init__(self, folder: Path) -> None:
        """Set up the repository whose work tree is ``folder``; it is opened at the first question."""
        super().__init__(parse(folder.as_uri()))
        self._where = str(folder)

    def commit(self, revision: str) -> str:
        """Return the commit that a revision names. Raises `NotFound`, and `Refused` for another syntax."""
        found = _REVISION.fullmatch(revision)
        if found is None:
            raise Refused(f"expected a revision such as HEAD~1 or main, found {short(revision)}")
        oid = self._peel(self._named(found["name"]), f"revision {short(found['name'])}")
        for sign, number in _STEP.findall(found["steps"]):
            oid = self._back(oid, sign, int(number or 1), revision)
        return oid

    def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the contents of those files of a commit that exist; a link in place of one is refused."""
        return self.tree(commit).read(paths)

    def _named(self, name: str) -> str:
        name = "HEAD" if name == "@" else name
        if is_commit(name):
            return name
        local = self._objects
        assert isinstance(local, LocalObjects)  # the URL is a folder's
        from dulwich.refs import check_ref_format

        # Only names in capitals stand in the repository's own folder, such as FETCH_HEAD.
        places = [name] if _HEADS.fullmatch(name) else []
        formatted = (name if name.startswith("refs/") else each.format(name) for each in _PLACES)
        places += [each for each in formatted if check_ref_format(each.encode())]  # type: ignore[arg-type]
        found = (oid for place in places if (oid := local.ref(place)))
        return next(found, "") or self._abbreviated(local, name)

    def _abbreviated(self, local: LocalObjects, name: str) -> str:
        found = local.beginning_with(name) if _PREFIX.fullmatch(name) else []
        if len(found) > 1:
            raise NotFound(f"several objects begin with {name}", where=self._where, hint="git log --oneline")
        if not found:
            raise self._missing(name)
        return found[0]

    def _back(self, oid: str, sign: str, number: int, revision: str) -> str:
        """Return the ancestor: ``~N`` is the first parent of the first parent …, ``^N`` the Nth parent."""
        if number > MAX_STEPS:
            raise Refused(f"expected at most {MAX_STEPS:,} steps back, found {short(revision)}")
        steps, place = (number, 1) if sign == "~" else (min(number, 1), number)
        for _ in range(steps):
            parents = self._link(parents_of, self._object(oid), oid)
            if len(parents) < place:
                raise self._missing(revision)
            oid = parents[place - 1]
        return oid

    def _missing(self, revision: str) -> NotFound:
        text = f"there is no revision {short(revision)}"
        return NotFound(text, where=self._where, hint="git log --oneline")
