"""Run all processes under their traffic, and print what grew: ``dev.py soak traffic --minutes 60``."""

import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from assurance.traffic.libraries import git, host, index
from assurance.traffic.measure import MIB, Finding, Sample, findings, sample
from assurance.traffic.servers import index_serve, mcp_http, mcp_stdio
from assurance.traffic.subject import Subject

SUBJECTS: Final = (host, git, index, mcp_stdio, mcp_http, index_serve)
SAMPLES: Final = 150
"""Samples of a run, however long it is."""

PAUSE_SECONDS: Final = 0.05
"""Between two rounds: the machine may have other work."""


class Watched:
    """A subject, its thread of traffic, and what was sampled of it."""

    def __init__(self, subject: Subject, end: float) -> None:
        self.subject = subject
        self.operations = 0
        self.problem = ""
        self.times: list[float] = []
        self.samples: list[Sample] = []
        self._end = end
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            while time.monotonic() < self._end:
                self.operations += self.subject.round()
                time.sleep(PAUSE_SECONDS)
        except Exception as problem:  # noqa: BLE001  whatever it was, it is in the table
            where = traceback.extract_tb(problem.__traceback__)[1:2]
            at = f" (line {where[0].lineno})" if where else ""
            self.problem = f"{type(problem).__name__}: {problem}{at}"[:500]

    def look(self) -> None:
        """Take a sample, if the process is there."""
        if self.subject.process.poll() is None:
            self.samples.append(sample(self.subject.pid, self.subject.folder))
            self.times.append(time.monotonic())
        elif not self.problem:
            self.problem = f"the process ended with {self.subject.process.returncode}"


def run(minutes: float) -> int:
    """Print the table; returns 1 if something grew, or a process failed."""
    with tempfile.TemporaryDirectory(prefix="tarkpm-traffic-") as name, ExitStack() as stack:
        subjects = [stack.enter_context(make(_own(Path(name), make.__name__))) for make in SUBJECTS]
        end = time.monotonic() + minutes * 60
        watched = [Watched(subject, end) for subject in subjects]
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, minutes * 60 / SAMPLES))
            for each in watched:
                each.look()
        for each in watched:
            each.thread.join(timeout=300)
        judged = [(each, findings(each.times, each.samples)) for each in watched]
        print("\n".join(lines(judged, minutes)))
    grew = any(not finding.held for _, found in judged for finding in found)
    return int(grew or any(each.problem for each in watched))


def _own(folder: Path, name: str) -> Path:
    print(f"preparing {name}", file=sys.stderr, flush=True)
    own = folder / name
    own.mkdir()
    return own


def lines(judged: Sequence[tuple[Watched, list[Finding]]], minutes: float) -> Iterator[str]:
    """Yield the table: for each process and measure the medians at the start and the end, and the verdict."""
    yield f"{minutes:g} minutes; the first third does not count; growth is the slope times the rest\n"
    yield f"{'process':<18} {'operations':>10}  {'measure':<12} {'start':>9} {'end':>9} {'growth':>9}"
    for watched, found in judged:
        for number, finding in enumerate(found):
            first = (watched.subject.name, f"{watched.operations:,}") if number == 0 else ("", "")
            yield _row(*first, finding)
        if watched.problem:
            yield f"  {watched.problem}"
    grew = [
        f"{watched.subject.name}: {finding.name}"
        for watched, found in judged
        for finding in found
        if not finding.held
    ]
    yield f"\nverdict: {'nothing grows' if not grew else 'GROWS: ' + ', '.join(grew)}"


def _row(name: str, operations: str, finding: Finding) -> str:
    first, last, growth = (_shown(finding, value) for value in (finding.first, finding.last, finding.growth))
    verdict = "" if finding.held else "  GROWS"
    return f"{name:<18} {operations:>10}  {finding.name:<12} {first:>9} {last:>9} {growth:>9}{verdict}"


def _shown(finding: Finding, value: float) -> str:
    return f"{value / MIB:.1f} MiB" if finding.name in ("memory", "workers") else f"{value:.1f}"
