"""Runs tarkpm as a process of its own and tells how much memory it took at its peak."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from support.commands import commands
from support.sandbox import Sandbox

MIB = 1 << 20


@dataclass(frozen=True)
class Run:
    """How a command ended, and what it cost."""

    status: int
    out: str
    err: str
    seconds: float
    peak: int  # bytes


def run_measured(sandbox: Sandbox, *arguments: str, limits: Mapping[str, float] | None = None) -> Run:
    """Run tarkpm in a sandbox, with these limits of a git session in place of the usual ones."""
    peak, start = sandbox.root / "peak", time.monotonic()
    status, out, err = commands().run(
        arguments,
        folder=sandbox.root,
        seconds=240,
        cwd=sandbox.cwd,
        environment=sandbox.environment(),
        limits=limits,
        peak=peak,
    )
    return Run(status, out, err, time.monotonic() - start, int(peak.read_text()))
