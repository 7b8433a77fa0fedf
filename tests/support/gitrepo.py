"""Repositories for tests, made by the real git command line, the same on every machine.

The environment is built from nothing: no user's or system's configuration, one author, and a clock that
moves a minute with every commit, so equal calls give equal commit ids.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

EPOCH = 1_700_000_000
UNPACK_LIMIT = 100
"""Objects of a push from which git keeps them in one pack: `receive.unpackLimit`."""


def git_env(home: Path) -> dict[str, str]:
    """An environment in which git finds no configuration but the repository's own."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


def git(folder: Path, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
    """Run git in `folder` and return what it printed; a failure is an AssertionError with what it said."""
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, env=env or git_env(folder), input=stdin, capture_output=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}"
    return done.stdout.decode().strip()


def configure(bare: Path, *, allow_filter: bool = True, allow_any_sha1: bool = True) -> None:
    """Set what a served repository offers: partial clones, and objects asked for by id.

    Only protocol version 0 heeds `allow_any_sha1`: under version 2 git serves any object it has.
    """
    filter_, any_ = str(allow_filter).lower(), str(allow_any_sha1).lower()
    _set(bare, f"[uploadpack]\n\tallowFilter = {filter_}\n\tallowAnySHA1InWant = {any_}\n")


def init(folder: Path, *, bare: bool = False) -> None:
    """What ``git init`` does, on branch main and without samples of hooks."""
    place = folder if bare else folder / ".git"
    if not bare and place.exists():  # git keeps what is there
        git(folder, *_INIT)
        return
    folders, files = _made_by_init(bare)
    for name in ("", *folders):
        (place / name).mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (place / name).write_bytes(data)


_INIT = ("init", "--quiet", "--initial-branch=main", "--template=")


@functools.cache
def _made_by_init(bare: bool) -> tuple[list[str], dict[str, bytes]]:
    """The folders and the files of a new repository, as this machine's git makes them: a process once."""
    with tempfile.TemporaryDirectory() as name:
        git(Path(name), *_INIT, *(["--bare"] if bare else []))
        place = Path(name) if bare else Path(name, ".git")
        found = sorted(place.rglob("*"))
        folders = [str(path.relative_to(place)) for path in found if path.is_dir()]
        return folders, {str(path.relative_to(place)): path.read_bytes() for path in found if path.is_file()}


def _set(repository: Path, text: str) -> None:
    """Add to a repository's settings; the last of two counts. A `git config` is a process each."""
    with (repository / "config").open("a") as file:
        file.write(text)


class GitRepo:
    """A work tree on branch main. Changes are staged as they are made and kept by `commit`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._commits = 0
        self._written: list[str] = []
        init(folder)
        # A background gc would outlive the test that caused it; to look for one is a process a commit.
        _set(folder / ".git", "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Any other git command, in this repository's environment."""
        return git(self.folder, *arguments, stdin=stdin, env=self.env())

    def env(self) -> dict[str, str]:
        """The environment of its git: the author and the date of the next commit."""
        when = f"{EPOCH + 60 * self._commits} +0000"
        who = {
            f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _PERSON.items()
        }
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        # Paths are names here, never patterns; HOME is where git puts nothing of its own.
        return {**git_env(self.folder / ".git"), **who, **dates, "GIT_LITERAL_PATHSPECS": "1"}

    def write(self, path: str, data: bytes, *, executable: bool = False) -> None:
        """Put a file there, in place of whatever is there."""
        target = self._make_room(path)
        target.write_bytes(data)
        target.chmod(0o755 if executable else 0o644)
        self._written.append(path)

    def symlink(self, path: str, target: str) -> None:
        """Put a symbolic link there; its target need not exist."""
        self._make_room(path).symlink_to(target)
        self._written.append(path)

    def _make_room(self, path: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        return target

    def gitlink(self, path: str, commit: str = "1" * 40) -> None:
        """Put what a submodule leaves in a tree: a commit id that this repository need not have."""
        self.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")

    def rm(self, path: str) -> None:
        """Remove a committed file, link or folder."""
        self.git("rm", "--quiet", "-r", "--", path)

    def commit(self, message: str) -> str:
        """Commit what was staged, or nothing, and return the commit id."""
        if self._written:
            names = "\0".join(self._written).encode()
            self.git("add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=names)
            self._written.clear()
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self._commits += 1
        return self.rev("HEAD")

    def rev(self, name: str) -> str:
        """The object id that a name stands for."""
        return (self._head() if name == "HEAD" else "") or self.git("rev-parse", "--verify", name)

    def _head(self) -> str:
        """The commit of the current branch, read without a process; "" where its ref is not a file."""
        kind, _, ref = (self.folder / ".git" / "HEAD").read_text().strip().partition(": ")
        file = self.folder / ".git" / ref
        return file.read_text().strip() if kind == "ref" and file.is_file() else ""

    def tag(self, name: str, target: str = "HEAD") -> None:
        """Make or move a lightweight tag."""
        file = self.folder / ".git" / "refs" / "tags" / name
        if target == "HEAD" and (head := self._head()) and not file.is_dir():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{head}\n")
        else:
            self.git("tag", "--force", name, target)

    def annotated_tag(self, name: str, target: str = "HEAD", message: str = "a tag") -> str:
        """Make or move an annotated tag and return the id of the tag object."""
        self.git("tag", "--force", "--annotate", "--message", message, name, target)
        return self.rev(f"refs/tags/{name}")

    def branch(self, name: str, target: str = "HEAD") -> None:
        """Make or move a branch without leaving the current one."""
        self.git("branch", "--force", name, target)

    def checkout(self, name: str) -> None:
        """Continue on another branch."""
        self.git("checkout", "--quiet", name)

    def raw_object(self, kind: str, data: bytes) -> str:
        """Store an object without any check, so that malformed trees and commits can be made."""
        return self.git("hash-object", "-w", "--literally", "-t", kind, "--stdin", stdin=data)

    def publish(
        self, server_root: Path, name: str, *, allow_filter: bool = True, allow_any_sha1: bool = True
    ) -> Path:
        """Make `server_root/name.git` equal to this repository, all refs of it, and return its folder."""
        bare = server_root / f"{name}.git"
        if not bare.exists():
            bare.mkdir(parents=True)
            init(bare, bare=True)
            _set(bare, "[receive]\n\tautogc = false\n")
        configure(bare, allow_filter=allow_filter, allow_any_sha1=allow_any_sha1)
        if not self._copied_to(bare):
            self.git("push", "--quiet", "--mirror", str(bare.resolve()))
        return bare

    def _copied_to(self, bare: Path) -> bool:
        """Copy what a push would send, which takes seven processes; False if only git can do it.

        git keeps up to a hundred objects that it receives in files of their own, as a work tree has them.
        """
        here, there = self.folder / ".git", bare
        loose = sorted(here.glob("objects/[0-9a-f][0-9a-f]/*"))
        refs = [path for path in here.glob("refs/**/*") if path.is_file()]
        if (
            len(loose) >= UNPACK_LIMIT
            or any(here.glob("objects/pack/*.pack"))
            or (here / "packed-refs").exists()
        ):
            return False
        if any(there.glob("objects/pack/*.pack")) or (there / "packed-refs").exists():
            return False
        for path in loose:  # objects first: a reader never finds a ref that leads nowhere
            target = there / path.relative_to(here)
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                shutil.copy(path, target)
        kept = {there / path.relative_to(here): path.read_bytes() for path in refs}
        for old in [path for path in there.glob("refs/**/*") if path.is_file() and path not in kept]:
            old.unlink()
        for target, commit in kept.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(commit)
        return True


_PERSON = {"NAME": "tarkpm tests", "EMAIL": "tests@tarkpm.invalid"}


def make_junk(repo: GitRepo, megabytes: int = 30, seed: int = 0) -> None:
    """Write files that do not compress, ten to the megabyte, the same for the same seed. Commits nothing."""
    # git would search 30 MB for deltas and compress it, in vain: over a second in every test.
    repo.git("config", "core.bigFileThreshold", "64k")
    repo.git("config", "core.compression", "1")
    dice = random.Random(seed)
    for n in range(megabytes * 10):
        repo.write(f"junk/{n // 100}/{n:05}.bin", dice.randbytes(100_000))
