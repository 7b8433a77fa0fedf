"""A module of this package as a process of its own: it serves until its standard input ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import PIPE, Popen

from benchmarks import ROOT


@dataclass
class Child:
    """The running process, and the line it began with: where it is."""

    said: str
    process: "Popen[str]"

    def ask(self) -> str:
        """Send it an empty line; the line it answers with."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()


@contextmanager
def child(module: str, *arguments: str) -> Iterator[Child]:
    """Run a module of this package; it ends, too, when whoever started it dies."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    with Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Child(process.stdout.readline().strip(), process)
        finally:
            process.stdin.close()
