"""Choosing releases: a large catalog with dense dependencies, and a family that is exponential to try out.

What counts is the processor time of the call in this process. `resolve` is held against the budget the
promise names, one second; `conflicts` against the same family at half the size, so that its ratio is the
growth when the size doubles: 8 is cubic.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, Race, Side
from tarkpm.core.release import Dependency, IndexSource, PluginName
from tarkpm.core.resolution.catalog import Candidate, PluginId, RootRequirement
from tarkpm.core.resolution.resolver import solve
from tarkpm.core.version import Range, Version
from tarkpm.errors import ResolutionError

HOME = IndexSource("community", "sha256:" + "0" * 64)
Catalog = dict[PluginId, tuple[Candidate, ...]]


@dataclass(frozen=True)
class Timed(Side):
    """A call in this process, by the processor time it takes."""

    call: Callable[[], object] = object

    def run(self) -> float:
        """Call it once."""
        start = time.process_time()
        self.call()
        return time.process_time() - start


@dataclass(frozen=True)
class Budget(Side):
    """A promise in seconds."""

    seconds: float = 1.0

    def run(self) -> float:
        """The promise."""
        return self.seconds


def dense(
    plugins: int = 2_000, versions: int = 20, needs: int = 8, wanted: int = 200
) -> tuple[Catalog, list[RootRequirement]]:
    """Each release needs eight plugins in the versions of its day or newer ones; all 2,000 end up chosen."""
    chance = random.Random(0)
    days = [sorted([0.0, *(chance.random() for _ in range(versions - 1))]) for _ in range(plugins)]
    catalog: Catalog = {}
    for number in range(plugins):
        others = chance.sample([other for other in range(plugins) if other != number], needs)
        offers = []
        for minor, day in enumerate(days[number]):
            ranges = [(other, sum(then <= day for then in days[other]) - 1) for other in others]
            requires = tuple(
                Dependency(PluginName(f"p{other}"), f"{chance.choice('^^>')}1.{old}.0".replace(">", ">="))
                for other, old in ranges
            )
            offers.append(Candidate(PluginName(f"p{number}"), Version(1, minor, 0), HOME, requires))
        catalog[offers[0].place] = tuple(offers)
    return catalog, [_any(f"p{number}") for number in chance.sample(range(plugins), wanted)]


def hard(size: int, versions: int = 20) -> tuple[Catalog, list[RootRequirement]]:
    """Two chains of ``size`` plugins whose ends cannot be had together, whichever version is on the way.

    Every version of a link needs any version of the next: who tries them out one after another tries
    ``versions ** size``.
    """
    catalog: Catalog = {}
    for chain, end in (("a", "shared ^1"), ("b", "shared ^2")):
        for link in range(size):
            needs = f"{chain}{link + 1} *" if link < size - 1 else end
            name = PluginName(f"{chain}{link}")
            catalog[HOME, name] = tuple(
                Candidate(
                    name,
                    Version(1, minor, 0),
                    HOME,
                    (Dependency.parse(needs), Dependency.parse(f"x{minor} *")),
                )
                for minor in range(versions)
            )
    for shared in ("shared", *(f"x{minor}" for minor in range(versions))):
        plugin = PluginName(shared)
        catalog[HOME, plugin] = tuple(Candidate(plugin, Version(major, 0, 0), HOME) for major in (1, 2))
    return catalog, [_any("a0"), _any("b0")]


def _any(name: str) -> RootRequirement:
    return RootRequirement(PluginName(name), HOME, Range.parse("*"))


def _solve(catalog: Catalog, wanted: list[RootRequirement]) -> bool:
    try:
        solve(catalog, wanted, locked={}, free=None, tark=None)
    except ResolutionError as problem:
        if "gave up" in problem.message:
            raise RuntimeError(problem.message) from None
        return False
    return True


def _timed(catalog: Catalog, wanted: list[RootRequirement], solvable: bool) -> Timed:
    def call() -> None:
        if _solve(catalog, wanted) != solvable:
            raise RuntimeError("the wrong outcome")

    return Timed((), Path(), {}, call=call)


@contextmanager
def _dense(_folder: Path) -> Iterator[Race]:
    yield Race(_timed(*dense(), solvable=True), Budget((), Path(), {}))


@contextmanager
def _hard(_folder: Path) -> Iterator[Race]:
    yield Race(_timed(*hard(30), solvable=False), _timed(*hard(15), solvable=False))


FIGURES = [
    Figure("resolve", "200 of 2,000 plugins × 20 versions", "1 s of CPU", 1, 5, _dense, 3),
    Figure("conflicts", "no way through 2 × 30 plugins", "2 × 15 plugins", 8, 5, _hard, 3),
]
