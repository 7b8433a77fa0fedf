"""``tarkpm add`` from a git server on loopback, against cloning the same tag.

Every round is somebody's first: no store, no state, a project just begun. Both sides talk to git's own
http-backend.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from support.gitrepo import GitRepo, git_env, make_junk
from support.sandbox import Sandbox

from benchmarks.figure import Figure, Race, Side
from benchmarks.serve import git_server
from benchmarks.setup import PYTHON, TAG, put_away, tarkpm, user

JUNK_MB = 30
LIBRARIES = "click, msgspec, tomllib, dulwich.client, cryptography.hazmat.primitives.asymmetric.ed25519"
"""What `add` from git cannot do without: the design names them."""

NAME = "text-tools"


def _publish(folder: Path, megabytes: int) -> str:
    """A served repository of one signed plugin and so many megabytes of other files; returns its key."""
    publisher = Sandbox(folder / "publisher")
    key = publisher.key()
    repo = GitRepo(folder / "work")
    publisher.plugin(folder / "work", name=NAME, sign="release")
    repo.git("add", "--all")
    make_junk(repo, megabytes)
    repo.commit("a release")
    repo.tag(TAG)
    repo.publish(folder / "served", NAME)
    put_away(folder / "work", folder)
    return key


@contextmanager
def _add(megabytes: int, folder: Path) -> Iterator[Race]:
    key = _publish(folder, megabytes)
    home, clone = folder / "user", folder / "clone"
    with git_server(folder / "served") as base:
        url = f"{base}/{NAME}.git"
        person = user(home)
        command = tarkpm(person, "add", url, "--tag", TAG, "--trust", key, "--accept-capabilities")
        ours = Side(command.command, command.cwd, command.env, lambda: renew(home, clone))
        clone_command = ["git", "clone", "--quiet", "--depth", "1", "--branch", TAG, url, str(clone)]
        peer = Side(clone_command, folder, git_env(folder), ours.before)
        yield Race(ours, peer)


@contextmanager
def _load(modules: str, folder: Path) -> Iterator[Race]:
    """Loading these libraries, and nothing else, against the same clone."""
    with _add(JUNK_MB, folder) as race:
        code = f"import gc; gc.disable(); import {modules}"
        yield Race(Side([PYTHON, "-c", code], race.ours.cwd, race.ours.env, race.ours.before), race.peer)


def renew(home: Path, clone: Path) -> None:
    """Forget everything that was added or cloned."""
    user(home)
    put_away(clone, clone.parent)


NO_BOUND = float("inf")
FIGURES = [
    Figure("add", "tarkpm add, tiny repository", "git clone --depth 1", 8.0, 15, partial(_add, 0)),
    Figure(
        "add-large",
        f"tarkpm add, {JUNK_MB} MB beside it",
        "git clone --depth 1",
        0.3,
        9,
        partial(_add, JUNK_MB),
        3,
    ),
    Figure(
        "add-floor", "loading its libraries", "git clone --depth 1", NO_BOUND, 9, partial(_load, LIBRARIES), 3
    ),
    Figure(
        "add-http",
        "the same, and urllib3",
        "git clone --depth 1",
        NO_BOUND,
        9,
        partial(_load, f"{LIBRARIES}, urllib3"),
        3,
    ),
]
