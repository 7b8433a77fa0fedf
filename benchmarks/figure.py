"""A promise about speed, and the race that finds out whether it is kept.

Every promise is a ratio to something everyone knows, so that it means the same on every machine. The two
sides take turns within one run, and who begins changes every round: what else the machine does, and how
warm it is, hits both alike. The verdict is by the ratio of the medians; that of the minima is shown beside
it, because on a busy machine the two differ.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median


def nothing() -> None:
    """Nothing to prepare."""


@dataclass(frozen=True)
class Side:
    """One side of a race: a command that must succeed, and what is done, untimed, before each run of it."""

    command: Sequence[str | Path]
    cwd: Path
    env: dict[str, str]
    before: Callable[[], None] = nothing

    def run(self) -> float:
        """Run it once; the seconds from starting the process to its end."""
        self.before()
        os.sync()  # no run pays for what was written, or deleted, before it
        with tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            with subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            ) as process:
                try:
                    status = process.wait()
                except BaseException:
                    process.kill()
                    raise
                seconds = time.perf_counter() - start
            if status:
                errors.seek(0)
                text = errors.read().decode(errors="replace").strip()
                words = " ".join(map(str, self.command))
                raise RuntimeError(f"exit status {status} of: {words[:300]}\n{text}")
        return seconds


@dataclass(frozen=True)
class Race:
    """tarkpm and the peer it is measured against."""

    ours: Side
    peer: Side


@dataclass(frozen=True)
class Result:
    """The seconds of every round."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times the peer's median ours is."""
        return median(self.ours) / median(self.peer)

    @property
    def least(self) -> float:
        """The same of the fastest rounds."""
        return min(self.ours) / min(self.peer)


@dataclass(frozen=True)
class Figure:
    """A promise: ``ours`` takes at most ``bound`` times as long as ``peer``.

    ``prepare`` gets an empty folder, and its context holds for as long as the race lasts. ``at_hand`` is
    whether this is measured without being named: not where it would first have to build something big.
    """

    name: str
    ours: str
    peer: str
    bound: float
    rounds: int
    prepare: Callable[[Path], AbstractContextManager[Race]]
    quick: int = 5
    at_hand: Callable[[], bool] = lambda: True

    def measure(self, folder: Path, *, quick: bool) -> Result:
        """Prepare in ``folder``, warm up, race."""
        with self.prepare(folder) as race:
            return run(race, self.quick if quick else self.rounds)


@dataclass(frozen=True)
class Taken:
    """How much something took, once for each round."""

    amounts: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median."""
        return median(self.amounts)


@dataclass(frozen=True)
class Amount:
    """A promise in bytes, requests, memory or CPU: ``what`` takes at most ``bound`` of ``unit``.

    Those mean the same on every machine, or nearly so: CPU is the median of differences within one run.
    """

    name: str
    what: str
    unit: str
    bound: float
    take: Callable[[Path, bool], Sequence[float]]
    at_hand: Callable[[], bool] = lambda: True

    def measure(self, folder: Path, *, quick: bool) -> Taken:
        """Take it, in ``folder``."""
        return Taken(tuple(self.take(folder, quick)))


def run(race: Race, rounds: int) -> Result:
    """One round that does not count, then ``rounds`` that do."""
    ours: list[float] = []
    peer: list[float] = []
    sides = [(race.peer, peer), (race.ours, ours)]
    for number in range(rounds + 1):
        for side, times in sides if number % 2 else reversed(sides):
            times.append(side.run())
    return Result(tuple(ours[1:]), tuple(peer[1:]))
