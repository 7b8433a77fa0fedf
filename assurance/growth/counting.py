"""Run each command on a project of so many plugins: time, memory, and the number of function calls.

``python -m assurance.growth.counting FOLDER SHAPE SIZE`` prints a line of JSON for each command. Each runs
twice in forks of this program: once for time and memory, once with a profiler that counts the calls of
Python and C functions, in all threads.
"""

import itertools
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec
from support import forking
from support.sandbox import forked_workers

from assurance.growth.shapes import SHAPES, AnIndex, Shape
from tarkpm.core.release import PluginName

PRELOADED: Final = (
    "tarkpm.ops.info",
    "tarkpm.ops.lock",
    "tarkpm.ops.tools",
    "tarkpm.ops.tree",
    "tarkpm.ops.run.images",
    "tarkpm.sources.git.session",
    "tarkpm.sources.git.local",
)


STARTED: Final = 100
"""Plugins of which `tools` is measured: it starts each of them, which takes 80 ms."""


class Cost(msgspec.Struct, frozen=True):
    """What a command cost on so many plugins: function calls, seconds, and bytes at the peak."""

    shape: str
    verb: str
    size: int
    calls: int
    seconds: float
    peak: int


class Bench:
    """A project of one size, and the commands that are measured on it."""

    def __init__(self, folder: Path, name: str, size: int) -> None:
        self._folder, self._name, self._size = folder, name, size
        names = [f"plugin-{number:05}" for number in range(size)]
        self._shape: Shape = SHAPES[name](folder / "user", names)
        self._cwd = self._shape.sandbox.cwd

    def costs(self) -> Iterator[Cost]:
        """Measure every command, those first that the others need."""
        yield self._cost("lock", ["lock", "--accept-project", "--accept-capabilities"], self._unlocked)
        yield self._cost("sync", ["sync"], self._uninstalled)
        middle = self._shape.names[self._size // 2]
        for verb, words in {
            "sync, nothing to do": ["sync"],
            "verify": ["verify"],
            "list": ["list"],
            "info": ["info", middle],
            "tree": ["tree"],
            **({"tools": ["tools"]} if self._size <= STARTED else {}),
            "update": ["update", "--accept-capabilities"],
        }.items():
            yield self._cost(verb, words, lambda: None)
        if isinstance(self._shape, AnIndex):
            yield from self._maintaining(self._shape)

    def _maintaining(self, shape: AnIndex) -> Iterator[Cost]:
        """The maintainers' commands; each run of accept and claim has a release or a name of its own."""
        keeper, numbers = shape.keeper, itertools.count(1)
        self._cwd = keeper.folder
        shape.sandbox.home = keeper.sandbox.home
        accept: list[str] = []
        claim: list[str] = []

        def hand_in() -> None:
            name = PluginName(shape.names[self._size // 2])
            folder = keeper.hand_in(self._folder / "hand-in", name, f"1.{next(numbers)}.0")
            accept[:] = ["index", "accept", str(folder)]

        def name() -> None:
            key = str(keeper.publisher)
            both = ("--key", "one", "--key", "two")
            claim[:] = [
                "index",
                "claim",
                f"another-{next(numbers):05}x",
                "--publisher",
                key,
                *both,
                "--force",
            ]

        yield self._cost("index accept", accept, hand_in)
        yield self._cost("index claim", claim, name)
        yield self._cost("index refresh", ["index", "refresh"], lambda: None)
        yield self._cost("index check", ["index", "check"], lambda: None)

    def _unlocked(self) -> None:
        (self._cwd / "tark.lock").unlink(missing_ok=True)
        shutil.rmtree(self._shape.sandbox.store, ignore_errors=True)

    def _uninstalled(self) -> None:
        for folder in (self._cwd / ".tark" / "plugins", self._shape.sandbox.store):
            shutil.rmtree(folder, ignore_errors=True)

    def _cost(self, verb: str, words: Sequence[str], before: Callable[[], None]) -> Cost:
        before()
        start = time.monotonic()
        peak = self._run(verb, words, counted=False)
        seconds = time.monotonic() - start
        before()
        calls = self._run(verb, words, counted=True)
        return Cost(self._name, verb, self._size, calls, seconds, peak)

    def _run(self, verb: str, words: Sequence[str], *, counted: bool) -> int:
        """Run a command in a fork; returns its calls, or its peak."""
        out, err, number = (self._folder / name for name in ("out", "err", "number"))
        for file in (out, err, number):
            file.write_bytes(b"")
        asked: dict[str, Any] = {
            "words": list(words),
            "cwd": str(self._cwd),
            "environment": self._shape.sandbox.environment(),
            "stdout": str(out),
            "stderr": str(err),
            "terminal": "",
            "limits": {},
            "peak": "" if counted else str(number),
        }
        child = forking.begin(asked)
        if child == 0:
            os._exit(_count(asked, number) if counted else forking.run(asked))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            raise RuntimeError(f"{verb} ended with {status}: {err.read_text()[-2000:]}")
        return int(number.read_text())


def _count(asked: dict[str, Any], number: Path) -> int:
    """Run a command and write down how many functions were called."""
    calls = itertools.count()  # its `next` is one step, which threads may share

    def hook(_frame: FrameType, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            next(calls)

    threading.setprofile(hook)
    sys.setprofile(hook)
    try:
        return forking.run(asked)
    finally:
        sys.setprofile(None)
        number.write_text(str(next(calls)))


def main(arguments: list[str]) -> int:
    """Print a line for each command."""
    folder, name, size = arguments
    forking.preload()
    for module in PRELOADED:
        __import__(module)
    with forked_workers():
        for cost in Bench(Path(folder), name, int(size)).costs():
            print(json.dumps(msgspec.to_builtins(cost)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
