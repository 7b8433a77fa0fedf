"""Files and folders that no plugin may reach below a granted folder, whatever its name.

A workspace may be the home folder, or lie inside it, or contain it, and an environment variable may have
moved a part of the home folder. Paths are therefore not compared as text: each folder that is entered is
compared by identity with the home folder and with the moved ones. This gives the path's name below the home
folder, on which `core.home_path` decides.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core import home_path
from tarkpm.core.home_path import Parts

Identity = tuple[int, int]

PROTECTED: Final = frozenset({".tark", ".git", "tark.toml", "tark.lock"})
"""Names that decide which code runs and what it may do, in every folder."""


class Guard(msgspec.Struct, frozen=True):
    """The user's private places.

    ``folders`` are never entered: those of tark and tarkpm. ``places`` are the home folder, with the parts
    (), and the folders moved out of it, with the parts they would have there.
    """

    folders: tuple[Path, ...] = ()
    places: tuple[tuple[Path, Parts], ...] = ()


NOTHING: Final = Guard()


class Way:
    """The path from a workspace's root to an open folder, and the folder's names below the home folder."""

    def __init__(self, guard: Guard, root: Path) -> None:
        self._closed = _identities([*(root / name for name in PROTECTED), *guard.folders])
        self._places = [(known, parts) for path, parts in guard.places for known in _identities([path])]
        self._names: Parts = ()
        self._below_home: list[Parts] = []
        self.is_closed = False
        above = _identities(guard.folders)
        # The workspace may itself lie inside the home folder or a private place (decision 0082).
        for depth, folder in enumerate((root, *root.parents)):
            for found in _identities([folder]):
                self.is_closed |= found in above
                below = root.parts[len(root.parts) - depth :]
                self._below_home += [(*parts, *below) for known, parts in self._places if known == found]

    def enter(self, name: str, found: os.stat_result) -> None:
        """Enter the folder ``name``, whose status is ``found``."""
        self.is_closed |= is_protected(name) or identity(found) in self._closed
        name = _without_stream(name)
        self._names = (*self._names, name)
        self._below_home = [(*parts, name) for parts in self._below_home]
        self._below_home += [parts for known, parts in self._places if known == identity(found)]

    def closes(self, *names: str, write: bool, credentials: bool = False) -> bool:
        """Return whether a plugin may not use the path ``names`` below the open folder (to ``write``).

        With ``credentials``, tark's credential files of plugins are allowed, where the grant names them.
        """
        seen = tuple(map(_without_stream, names))
        return (
            any(map(is_protected, names))
            or home_path.has_private_name((*self._names, *seen))
            or any(
                home_path.has_private_name(parts)
                or home_path.is_private_place((*parts, *seen), write=write, credentials=credentials)
                for parts in self._below_home
            )
        )


def is_protected(name: str) -> bool:
    r"""Return whether some file system may take ``name`` for a protected one.

    macOS ignores case, composition and invisible characters. To Windows, whose disks WSL mounts, ``.git.``,
    ``.git::$DATA`` and ``GIT~1`` are ``.git``.

    >>> is_protected(".G\u200dit"), is_protected(".gitignore")
    (True, False)
    """
    seen = home_path.plain(_without_stream(home_path.plain(name)))
    head, tilde, number = seen.partition("~")
    is_short = bool(tilde) and number.isdigit() and head in {"git", "tark", "tarkto", "tarklo"}
    return seen in PROTECTED or is_short


def _without_stream(name: str) -> str:
    """Return the name of the file, if Windows would take ``name`` for one of its streams."""
    return name.partition(":")[0]


def identity(found: os.stat_result) -> Identity:
    """Return what is the same under every name of a file."""
    return found.st_dev, found.st_ino


def _identities(paths: Iterable[Path]) -> set[Identity]:
    """Return the identities of the existing paths. Links are followed, to protect the folder behind them."""
    found = set()
    for path in paths:
        with contextlib.suppress(OSError):
            found.add(identity(path.stat()))
    return found
