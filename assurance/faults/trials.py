"""One scene: a fault of each kind at each call, in a process for each. Started with the preload by `table`.

``python -m assurance.faults.trials FOLDER SCENE KINDS STRIDE`` prints a line of JSON for each fault.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
from support import forking
from support.sandbox import Result, fork_a_worker, forked_workers

from assurance.faults.injector import COUNT, KINDS, Kind, Watch
from assurance.faults.scene import Scene
from assurance.faults.scenes import SCENES

FRESH: Final = 25
"""Each 25th fault meets a program that was just started, every other one a fork of one that was imported."""
DELETING: Final = ("unlink", "rmdir")
"""Calls without which a temporary file stays."""

_UNIQUE: Final = re.compile(r"[0-9a-f]{12,}")


class Trial(msgspec.Struct, frozen=True):
    """A fault and what came of it: ``problem`` is "" if everything held."""

    scene: str
    kind: str
    when: int
    call: str
    ended: int
    problem: str


class Stage:
    """A scene's machine, which is put back before each fault."""

    def __init__(self, folder: Path, make: Callable[[Path], Scene]) -> None:
        self.folder = folder
        self.watch = Watch(folder / "watch")
        self.scene = make(folder / "work")
        shutil.copytree(folder / "work", folder / "before", symlinks=True)
        self.before, self.kept = self.scene.look(), self.scene.kept()
        # 1. One run without a fault: how many calls there are, and what a user has afterwards.
        self.restore()
        clean = self.run(*self.scene.command, kind=COUNT).ok()
        assert clean.status == 0
        self.calls = self.watch.seen
        self.scene.settle(self.run)
        self.after, self.paths = self.scene.look(), self.listed()

    def close(self) -> None:
        """End the servers of the scene."""
        self.scene.servers.close()

    def restore(self) -> None:
        """Put everything back."""
        shutil.rmtree(self.folder / "work")
        shutil.copytree(self.folder / "before", self.folder / "work", symlinks=True)

    def listed(self) -> set[str]:
        """Every file there is; what is random in a name does not count."""
        work = self.folder / "work"
        files = (path for path in work.rglob("*") if path.is_symlink() or not path.is_dir())
        found = (path.relative_to(work) for path in files)
        return {_UNIQUE.sub("#", str(path)) for path in found if path.parts[0] not in self.scene.elsewhere}

    def run(self, *words: str | Path, kind: Kind | None = None, when: int = 0, fresh: bool = False) -> Result:
        """Run a command in a process of its own, which meets a fault at call ``when``."""
        out, err = self.folder / "stdout", self.folder / "stderr"
        for file in (out, err):
            file.write_bytes(b"")
        if kind is not None:
            self.watch.clear()
        status = self._start(words, kind, when) if fresh else self._fork(words, kind, when)
        return Result(status, out.read_text(errors="replace"), err.read_text(errors="replace"))

    def _start(self, words: Sequence[str | Path], kind: Kind | None, when: int) -> int:
        more = self.watch.environment(kind, when) if kind else {}
        with (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("wb") as err:
            done = subprocess.run(
                [sys.executable, "-m", "tarkpm", *map(str, words)],
                cwd=self.scene.cwd,
                env=self.scene.sandbox.environment(PYTHONPATH=os.environ["PYTHONPATH"], **more),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                check=False,
            )
        return done.returncode

    def _fork(self, words: Sequence[str | Path], kind: Kind | None, when: int) -> int:
        asked = self.about(words, self.folder / "stdout", self.folder / "stderr")
        child = forking.begin(asked)
        if child == 0:
            if kind is not None:
                self.watch.arm(kind, when)
            os._exit(forking.run(asked))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def about(self, words: Sequence[str | Path], out: Path, err: Path) -> dict[str, Any]:
        """What `forking` needs to know of a command."""
        return {
            "words": list(map(str, words)),
            "cwd": str(self.scene.cwd),
            "environment": self.scene.sandbox.environment(),
            "stdout": str(out),
            "stderr": str(err),
            "terminal": "",
            "limits": {},
            "peak": "",
        }

    def trial(self, kind: Kind, when: int) -> Trial:
        """Have the command meet a fault, and do what its user does next."""
        self.restore()
        fresh = when % FRESH == 0
        result = self.run(*self.scene.command, kind=kind, when=when, fresh=fresh)
        call = self.watch.call
        problem = self._judge(kind, result, call) if call else ""
        return Trial(self.scene.name, kind.name, when, call, result.status, problem)

    def _judge(self, kind: Kind, result: Result, call: str) -> str:
        """Return what is wrong, or ""."""
        # 1. The command dies, or ends with success or one error.
        if kind.deadly != (result.status < 0):
            return f"it ended with {result}"
        return unclean(result) or self._next(result) or self._left(strands=kind.strands or call in DELETING)

    def _next(self, result: Result) -> str:
        """What the user's next commands find: the old state or the new one; then the command succeeds."""
        scene = self.scene
        if scene.kept() != self.kept:
            return "what must stay was touched"
        # 2. Whatever is next, there is nothing but the old state or the new one.
        if problem := scene.settle(self.run):
            return problem
        found = scene.look()
        if not scene.holds(found, self.before, self.after):
            return f"neither old nor new: {found}"
        if result.status == 0 and found != self.after:
            return "the command said that it succeeded, and did not"
        # 3. The same command succeeds, unless it has been done.
        again = self.run(*scene.command)
        if again.status and found != self.after:
            return f"the retry failed: {again}"
        if problem := unclean(again) or scene.settle(self.run):
            return f"after the retry: {problem}"
        if (scene.look(), scene.kept()) != (self.after, self.kept):
            return f"after the retry: {scene.look()}"
        return ""

    def _left(self, *, strands: bool) -> str:
        """What is left that the command without a fault would not have left."""
        left = self.listed() - self.paths
        # A command that was killed, or may no longer delete, leaves temporary files in tarkpm's own folders.
        # `doctor --fix` removes them once they are old.
        if left and strands:
            self._grow_old()
            self.run("doctor", "--fix")
            left = {path for path in self.listed() - self.paths if not self.scene.may_stay(path)}
        return f"left behind: {', '.join(sorted(left))}" if left else ""

    def _grow_old(self) -> None:
        for path in (self.folder / "work" / "home").rglob(".*"):
            if path.is_file():
                os.utime(path, (0, 0))


def unclean(result: Result) -> str:
    """Return what a command said that is not one of tarkpm's errors, or ""."""
    said = result.out + result.err
    return f"unexpected error: {said[-2000:]}" if "Traceback" in said or "unexpected:" in said else ""


def trials(folder: Path, name: str, kinds: Sequence[Kind], stride: int) -> Iterator[Trial]:
    """Yield every fault of a scene; with a ``stride`` only each so-many-th."""
    forking.preload()
    fork_a_worker().kill()  # the server of workers runs before the first child that asks it for one
    with forked_workers(), closing(Stage(folder, SCENES[name])) as stage:
        for number, kind in enumerate(kinds):
            for when in range(1 + number % stride, stage.calls + 1, stride):
                yield stage.trial(kind, when)


def main(arguments: list[str]) -> int:
    """Print a line for each fault."""
    folder, name, kinds, stride = arguments
    chosen = [KINDS[int(number)] for number in kinds.split(",")]
    for trial in trials(Path(folder), name, chosen, int(stride)):
        sys.stdout.write(json.dumps(msgspec.to_builtins(trial)) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
