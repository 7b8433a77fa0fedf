"""Machines whose clock is where a test wants it: real processes under Debian's ``faketime``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.sandbox import Result, Sandbox

FAKETIME = shutil.which("faketime")


def need_faketime() -> None:
    """Skip, by name, where faketime is not installed; CI installs it."""
    if FAKETIME is None:
        assert not os.environ.get("CI"), "CI installs faketime"
        pytest.skip("needs Debian's faketime")


class Calendar:
    """Today, for everybody in a test."""

    def __init__(self, today: str) -> None:
        self.today = today


class Machine(Sandbox):
    """A user's machine. Its commands are processes of their own that begin at noon, UTC, of the calendar's day."""

    def __init__(self, root: Path, calendar: Calendar) -> None:
        super().__init__(root)
        self.calendar = calendar

    def tarkpm(self, *words: str | Path, cwd: Path | None = None) -> Result:
        """Run a command and wait for it."""
        assert FAKETIME
        done = subprocess.run(
            [
                FAKETIME,
                "-f",
                f"@{self.calendar.today} 12:00:00",
                sys.executable,
                "-m",
                "tarkpm",
                *map(str, words),
            ],
            cwd=cwd or self.cwd,
            env=self.environment(TZ="UTC", DONT_FAKE_MONOTONIC="1"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def make_key(self, name: str) -> str:
        """Make a key; returns its public half."""
        return self.tarkpm("key", "generate", "--name", name).ok().out.strip()
