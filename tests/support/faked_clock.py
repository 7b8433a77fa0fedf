"""Machines whose clock is where a test wants it: real processes under Debian's ``faketime``."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import clocked
from support.sandbox import Result, Sandbox

FAKETIME = shutil.which("faketime")


class Calendar:
    """Today, for everybody in a test: each day's commands run in one program's time, which begins at noon, UTC."""

    def __init__(self) -> None:
        self.today = "2027-01-04"
        self._day = ""
        self._program: subprocess.Popen[str] | None = None

    def run(self, words: list[str], cwd: Path, environment: dict[str, str], folder: Path) -> Result:
        """Run a command today, in a process of its own; ``folder`` takes what it prints."""
        out, err = folder / "stdout", folder / "stderr"
        for file in (out, err):
            file.write_text("")
        asked = {"words": words, "cwd": str(cwd), "environment": environment, "stdin": os.devnull}
        program = self._today()
        assert program.stdin
        assert program.stdout
        program.stdin.write(json.dumps(asked | {"stdout": str(out), "stderr": str(err)}) + "\n")
        program.stdin.flush()
        return Result(int(program.stdout.readline()), out.read_text(), err.read_text())

    def end(self) -> None:
        """Nothing runs any longer."""
        if self._program:
            self._program.communicate(timeout=60)
            self._program = None

    def _today(self) -> "subprocess.Popen[str]":
        if self._program is None or self._day != self.today:
            self.end()
            assert FAKETIME
            self._day = self.today
            self._program = subprocess.Popen(
                [FAKETIME, "-f", f"@{self.today} 12:00:00", sys.executable, clocked.__file__],
                env={
                    "PATH": "/usr/bin:/bin",
                    "TZ": "UTC",
                    "DONT_FAKE_MONOTONIC": "1",
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._program


class Machine(Sandbox):
    """A user's machine. Its commands are processes of their own that run on the calendar's day."""

    def __init__(self, root: Path, calendar: Calendar) -> None:
        super().__init__(root)
        self.calendar = calendar

    def tarkpm(self, *words: str | Path, cwd: Path | None = None) -> Result:
        """Run a command and wait for it."""
        return self.calendar.run(
            list(map(str, words)), cwd or self.cwd, self.environment(TZ="UTC"), self.root
        )

    def make_key(self, name: str) -> str:
        """Make a key; returns its public half."""
        return self.tarkpm("key", "generate", "--name", name).ok().out.strip()


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    """The fourth of January 2027, at first. Skips where faketime is not installed; CI installs it."""
    if FAKETIME is None:
        assert not os.environ.get("CI"), "CI installs faketime"
        pytest.skip("needs Debian's faketime")
    found = Calendar()
    yield found
    found.end()
