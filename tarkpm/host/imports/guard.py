"""What no plugin reaches below a folder it was given, whatever folder that is and whatever it is called.

A workspace may be the home folder, lie in it or hold it; a variable may have moved a part of it elsewhere.
So a path is not compared as it was typed: on the way to a file, each folder that is entered is compared by
identity with the home folder and with those that variables moved. From there on it is known what the path is
called below the home folder, and `core.privateplaces` decides on that name.
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
"""What decides which code runs and what it may do, in whatever folder."""


class Guard(msgspec.Struct, frozen=True):
    """The user's private places: ``folders`` that are not entered (tark's and tarkpm's own), and ``places``:
    the home folder, whose parts are (), and what was moved out of it, with the parts it would have there.
    """

    folders: tuple[Path, ...] = ()
    places: tuple[tuple[Path, Parts], ...] = ()


NOTHING: Final = Guard()


class Way:
    """The way from a workspace's root into it, and what the folder that was reached is called."""

    def __init__(self, guard: Guard, root: Path) -> None:
        self._closed = _identities([*(root / name for name in PROTECTED), *guard.folders])
        self._places = [(known, parts) for path, parts in guard.places for known in _identities([path])]
        self._names: Parts = ()
        self._below_home: list[Parts] = []
        self.is_closed = False
        above = _identities(guard.folders)
        for depth, folder in enumerate((root, *root.parents)):
            for found in _identities([folder]):
                self.is_closed |= found in above
                below = root.parts[len(root.parts) - depth :]
                self._below_home += [(*parts, *below) for known, parts in self._places if known == found]

    def enter(self, name: str, found: os.stat_result) -> None:
        """Go on into the folder ``name``, which has this status."""
        self.is_closed |= is_protected(name) or identity(found) in self._closed
        name = _without_stream(name)
        self._names = (*self._names, name)
        self._below_home = [(*parts, name) for parts in self._below_home]
        self._below_home += [parts for known, parts in self._places if known == identity(found)]

    def closes(self, *names: str, write: bool, credentials: bool = False) -> bool:
        """Whether the path ``names`` from the folder that was reached is closed to a plugin (to write).

        Plugins' ``credentials`` are, where what was granted names them.
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
    r"""Whether some file system may take ``name`` for one of the protected ones.

    Case and composition differ on macOS, which also ignores invisible characters; ``.git.``, ``.git::$DATA``
    and ``GIT~1`` are ``.git`` to Windows, whose disks WSL mounts.

    >>> is_protected(".G\u200dit"), is_protected(".gitignore")
    (True, False)
    """
    seen = home_path.plain(_without_stream(home_path.plain(name)))
    head, tilde, number = seen.partition("~")
    is_short = bool(tilde) and number.isdigit() and head in {"git", "tark", "tarkto", "tarklo"}
    return seen in PROTECTED or is_short


def _without_stream(name: str) -> str:
    """The file of which Windows takes ``name`` for a stream."""
    return name.partition(":")[0]


def identity(found: os.stat_result) -> Identity:
    """What stays the same under every name of a file."""
    return found.st_dev, found.st_ino


def _identities(paths: Iterable[Path]) -> set[Identity]:
    """Of those that exist; links are followed, because the folder behind one is what is meant."""
    found = set()
    for path in paths:
        with contextlib.suppress(OSError):
            found.add(identity(path.stat()))
    return found
