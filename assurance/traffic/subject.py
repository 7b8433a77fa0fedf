"""A process that is watched, and the project that most of them have."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from support.gitrepo import GitRepo
from support.sandbox import Sandbox
from support.wat import hostile_tool

PATIENCE: Final = 120
"""Seconds after which an answer does not come any more."""


class Subject:
    """A process under traffic: ``round`` makes some, and returns the number of operations."""

    def __init__(self, name: str, process: "subprocess.Popen[Any]", folder: Path) -> None:
        self.name, self.process, self.folder = name, process, folder
        self.round: Callable[[], int] = lambda: 0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def end(self) -> None:
        """End it as its user would, by the end of its input or by SIGTERM; kill it if that does not help."""
        if self.process.stdin:
            self.process.stdin.close()
        else:
            self.process.terminate()
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def watched(subject: Subject) -> Iterator[Subject]:
    """End a process in any case."""
    try:
        yield subject
    finally:
        subject.end()


def project(root: Path) -> Sandbox:
    """A project with an honest tool plugin and a hostile one."""
    sandbox = Sandbox(root)
    key = sandbox.key()
    repo = GitRepo(root / "repo")
    sandbox.plugin(repo.folder / "text-tools", sign="release")
    sandbox.plugin(repo.folder / "hostile", name="hostile", wasm=hostile_tool(), sign="release")
    repo.git("add", "--all")
    repo.commit("plugins")
    sandbox.init()
    for name in ("text-tools", "hostile"):
        sandbox.run("add", repo.folder.as_uri(), "--path", name, "--trust", key, "--accept-capabilities").ok()
    sandbox.run("revoke", "hostile", "storage").ok()
    return sandbox
