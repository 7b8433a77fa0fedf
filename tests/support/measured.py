"""Runs tarkpm as a process of its own and tells how much memory it took at its peak.

``ru_maxrss`` of a child counts what its parent had before exec; the kernel's own high-water mark does not.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # this file is a program, too
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


def run_measured(sandbox: "Sandbox", *arguments: str, limits: Mapping[str, float] | None = None) -> Run:
    """Run tarkpm in a sandbox, with these limits of a git session in place of the usual ones."""
    import subprocess

    report = sandbox.root / "peak"
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, __file__, str(report), json.dumps(dict(limits or {})), *arguments],
        cwd=sandbox.cwd,
        env=sandbox.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    seconds = time.monotonic() - start
    return Run(done.returncode, done.stdout, done.stderr, seconds, int(report.read_text()))


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except OSError:  # not Linux
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _main() -> int:
    report, limits, *arguments = sys.argv[1:]
    sys.argv = ["tarkpm", *arguments]
    sys.path.pop(0)  # this folder
    if given := json.loads(limits):
        from tarkpm.sources.git.limits import TransferLimits
        from tarkpm.sources.git.session import GitRemote

        GitRemote.__init__.__defaults__ = (TransferLimits(**given), None, None)
    from tarkpm.cli.entry import start

    try:
        return start()
    finally:
        Path(report).write_text(str(_peak()))


if __name__ == "__main__":
    sys.exit(_main())
