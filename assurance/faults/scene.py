"""What is prepared, which command meets faults, and what a user has before and after."""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from support.sandbox import Result, Sandbox

Run = Callable[..., Result]


class Scene:
    """A prepared machine in ``root``, and a command that changes it."""

    name = ""
    loses_nothing = True
    """Whether `verify` passes on what is there before and after the command."""
    elsewhere: tuple[str, ...] = ()
    """Folders that stand for other machines: what is left behind there is not the command's."""

    def __init__(self, root: Path) -> None:
        self.sandbox = Sandbox(root)
        self.servers = ExitStack()
        self.command: tuple[str | Path, ...] = ()
        self.cwd = self.sandbox.cwd
        self.prepare()

    def prepare(self) -> None:
        """Make what the command needs, and the command."""
        raise NotImplementedError

    def look(self) -> Any:
        """What a user has: it must be what it was before the command, or what it is after it."""
        raise NotImplementedError

    def holds(self, found: Any, before: Any, after: Any) -> bool:
        """Whether what was found is the old state or the new one."""
        return found in (before, after)

    def kept(self) -> Any:
        """What the command must not touch at all."""
        return digests(self.sandbox.data)

    def settle(self, run: Run) -> str:
        """What a user does next, without help; returns what is wrong, or ""."""
        raise NotImplementedError

    def may_stay(self, path: str) -> bool:  # noqa: ARG002
        """Whether a command that could not clean up may leave this file outside tarkpm's own folders."""
        return False


def digests(folder: Path, pattern: str = "*") -> dict[str, str]:
    """The files below a folder, by their path in it; a link is what it leads to as text."""
    files = sorted(path for path in folder.rglob(pattern) if path.is_symlink() or path.is_file())
    return {str(path.relative_to(folder)): _digest(path) for path in files}


def _digest(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
