"""What a process has, sampled, and whether that grows."""

import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

WARM_UP: Final = 1 / 3
"""The part of the samples that does not count: caches fill, pools open, allocators settle."""

MIB: Final = 1 << 20


class Sample(NamedTuple):
    """A process and its descendants at one time; memory in bytes, anonymous pages only."""

    memory: int
    workers: int
    descriptors: int
    threads: int
    processes: int
    files: int


BOUNDS: Final = Sample(4 * MIB, 8 * MIB, 1, 1, 1, 1)
"""How much each may grow in the measured part of a run, by its slope; memory also by a twentieth."""


class Finding(NamedTuple):
    """One measure: its value at the start and the end of the measured part, growth by slope, verdict."""

    name: str
    first: float
    last: float
    growth: float
    held: bool


def sample(pid: int, folder: Path) -> Sample:
    """Look at a process, its descendants, and the files of its user."""
    below = _descendants(pid)
    return Sample(
        _status(pid, "RssAnon") * 1024,
        sum(_status(child, "RssAnon") * 1024 for child in below),
        len(os.listdir(f"/proc/{pid}/fd")),
        _status(pid, "Threads"),
        len(below),
        sum(len(names) for _, _, names in os.walk(folder)),
    )


def _status(pid: int, key: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # a worker that has just ended
        return 0
    return int(text.partition(f"{key}:")[2].split()[0]) if f"{key}:" in text else 0


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = [int(word) for word in (task / "children").read_text().split()]
        except OSError:
            continue
        for child in children:
            found.append(child)
            try:
                found += _descendants(child)
            except OSError:
                continue
    return found


def findings(times: Sequence[float], samples: Sequence[Sample]) -> list[Finding]:
    """Judge each measure of one process."""
    start = int(len(samples) * WARM_UP)
    measured, at = samples[start:], times[start:]
    return [
        _judge(name, at, [values[number] for values in measured], BOUNDS[number])
        for number, name in enumerate(Sample._fields)
    ]


def _judge(name: str, times: Sequence[float], values: Sequence[int], bound: float) -> Finding:
    if name in ("memory", "workers"):
        bound = max(bound, median(values) / 20)
    growth = slope(times, values) * (times[-1] - times[0])
    third = max(1, len(values) // 3)
    # A process may start a worker more at the end than at the start; one that leaks has a slope.
    return Finding(name, median(values[:third]), median(values[-third:]), growth, growth <= bound)


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """The median of all slopes between two samples (Theil-Sen): a peak here or there does not move it."""
    pairs = combinations(zip(times, values, strict=True), 2)
    return median((later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in pairs)
