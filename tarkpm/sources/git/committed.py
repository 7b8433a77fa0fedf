"""A file as a commit of the repository around it has it, without running or obeying anything there."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tarkpm.core.git_url import GitUrl
from tarkpm.core.release import is_commit
from tarkpm.errors import NotFound
from tarkpm.sources.git.limits import DEFAULT
from tarkpm.sources.git.local import LocalObjects
from tarkpm.sources.git.session import GitRemote

_PLACES: Final = ("{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}")
"""Where git looks for a name, in its order (gitrevisions(7))."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,199}")


def committed(file: Path, since: str = "") -> tuple[str, bytes] | None:
    """Return the id of a commit and the contents of ``file`` in it, empty if it has no such file.

    ``since`` is a commit id, a branch, a tag or another ref such as ``ORIG_HEAD``; by default it is HEAD.
    Expressions such as ``HEAD~1`` are not understood. None if there is no repository around the file, or no
    commit in it. Raises `NotFound` for an unknown ``since``, and other kinds of `SourceError`.
    """
    root = next(filter(_is_work_tree, file.parents), None)
    if root is None:
        return None
    url = GitUrl("file", "", quote(str(root)))
    oid = _oid(url, since or "HEAD")
    if oid is None and not since:
        return None
    if oid is None:
        raise NotFound(
            f"there is no commit, branch or tag '{since[:80]}'", where=url.local_path, hint="git log"
        )
    with GitRemote(url) as remote:
        commit = remote.resolve(rev=oid)
        path = file.relative_to(root).as_posix()
        return commit, remote.tree(commit).read([path]).get(path, b"")


def _is_work_tree(folder: Path) -> bool:
    # git passes over a folder .git without HEAD, too; a linked work tree has a file there.
    return (folder / ".git" / "HEAD").exists() or (folder / ".git").is_file()


def _oid(url: GitUrl, name: str) -> str | None:
    if is_commit(name):
        return name
    # A name with ".." could lead to a file outside of the repository.
    if not _NAME.fullmatch(name) or ".." in name:
        return None
    objects = LocalObjects(url, DEFAULT)
    try:
        return next((found for place in _PLACES if (found := objects.ref(place.format(name)))), None)
    finally:
        objects.close()
