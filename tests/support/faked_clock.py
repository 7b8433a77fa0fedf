"""Machines whose clock is where a test wants it: real processes under Debian's ``faketime``."""

import atexit
import functools
import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.commands import Commands
from support.sandbox import Result, Sandbox

FAKETIME = shutil.which("faketime")


@functools.cache
def _commands() -> Commands:
    """The one program of this test run that starts commands which live at another time."""
    assert FAKETIME
    found = Commands(FAKETIME, "-f", "+0")
    atexit.register(found.end)
    return found


class Calendar:
    """Today, for everybody in a test: each day begins with its first command, at noon, UTC."""

    def __init__(self) -> None:
        self.today = "2027-01-04"
        self._day = ""
        self._offset = 0.0

    def run(self, words: tuple[str | Path, ...], machine: "Machine", cwd: Path) -> Result:
        """Run a command today, to its end."""
        if self._day != self.today:
            self._day = self.today
            noon = datetime.fromisoformat(self.today).replace(hour=12, tzinfo=UTC)
            self._offset = noon.timestamp() - time.time()
        # libfaketime reads it again in each process, as FAKETIME_NO_CACHE has it do
        environment = machine.environment(TZ="UTC", FAKETIME=f"{self._offset:+f}")
        return Result(*_commands().run(words, folder=machine.root, cwd=cwd, environment=environment))


class Machine(Sandbox):
    """A user's machine. Its commands are processes of their own that run on the calendar's day."""

    def __init__(self, root: Path, calendar: Calendar) -> None:
        super().__init__(root)
        self.calendar = calendar

    def tarkpm(self, *words: str | Path, cwd: Path | None = None) -> Result:
        """Run a command and wait for it."""
        return self.calendar.run(words, self, cwd or self.cwd)

    def make_key(self, name: str) -> str:
        """Make a key; returns its public half."""
        return self.tarkpm("key", "generate", "--name", name).ok().out.strip()


@pytest.fixture
def calendar() -> Calendar:
    """The fourth of January 2027, at first. Skips where faketime is not installed; CI installs it."""
    if FAKETIME is None:
        assert not os.environ.get("CI"), "CI installs faketime"
        pytest.skip("needs Debian's faketime")
    return Calendar()
