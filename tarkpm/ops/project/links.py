"""Documents that are symbolic links: which are followed, and to whose files (docs/decisions/0106).

A link in a project came with a clone or a pull request like everything else, so it leads no further than they
could write anyway: to a file of the same name inside the project. The user's own documents may lead anywhere.
"""

import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tarkpm.core.names import LOCK, PROJECT
from tarkpm.errors import StoreError
from tarkpm.ops.project.ownership import check_owner

if TYPE_CHECKING:
    from tarkpm.ops.project.location import Location

MAX_LINKS: Final = 40
"""Links in a row that Linux follows (path_resolution(7))."""

_CLOSED: Final = frozenset({".git", ".tark"})
"""Folders in which no file of a project is kept: what git and tarkpm put there is written by them alone."""


def followed(path: Path, *, within: Path | None = None) -> Path:
    """Return the file that a document's link leads to; the path itself if it is no link or is not followed.

    ``within`` is a project's folder, which the link must not leave. A link that is not followed is refused
    wherever it is read.
    """
    if not path.is_symlink():
        return path
    try:
        real = path.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return path
    return real if within is None or _is_part(real, within, path.name) else path


def _is_part(real: Path, folder: Path, name: str) -> bool:
    # Plugins are kept away from tark.toml and tark.lock by these names, wherever they are.
    if real.name != name or not real.is_relative_to(folder) or not real.is_file():
        return False
    return _CLOSED.isdisjoint(part.casefold() for part in real.relative_to(folder).parts)


def check_links(location: "Location") -> None:
    """Raise `StoreError` for a link that is not followed, and `ProjectNotAccepted` for one to others' files.

    Every link on the way, the file and the folders it is in must belong to this user; of the user's own
    documents also to root, who installs them on some systems.
    """
    for name, file in ((PROJECT, location.project_file), (LOCK, location.lock_file)):
        link = location.folder / name
        if not link.is_symlink():
            continue
        if file == link:
            raise _refused(link)
        in_project = location.environment.in_project
        folders = [one for one in file.parents if one.is_relative_to(location.folder)]
        for path in (*_links(link), *(folders if in_project else file.parents[:1]), file):
            sentence = f"{name} is a link to a file that is not yours"
            check_owner(path, sentence, hint=_look(link), or_root=not in_project)


def _links(path: Path) -> Iterator[Path]:
    """Yield a link, and the links that it leads to."""

    def walk() -> Iterator[Path]:
        here = path
        while here.is_symlink():
            yield here
            here = here.parent / here.readlink()

    return islice(walk(), MAX_LINKS)


def _refused(link: Path) -> StoreError:
    try:
        target = link.resolve()
    except (OSError, RuntimeError):
        target = link
    problem = f"expected a regular file, found a symbolic link to {str(target)!r}"
    if target.is_file():
        problem += f", which is not a {link.name} inside the project"
    return StoreError(problem, where=str(link), hint=_look(link))


def _look(link: Path) -> str:
    """Return a hint that shows the link and no more.

    A pull request may have chosen its target. A hint that copies the target would put a private file into a
    repository, or a stranger's text into this document.
    """
    return f"ls -l {shlex.quote(str(link))}"
