"""Machines whose clock is where a test wants it: real processes under Debian's ``faketime``."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import Commands
from support.sandbox import Result, Sandbox

FAKETIME = shutil.which("faketime")


class Calendar:
    """Today, for everybody in a test: each day's commands run in one program's time, which begins at noon, UTC."""

    def __init__(self) -> None:
        self.today = "2027-01-04"
        self._day = ""
        self._commands: Commands | None = None

    def commands(self) -> Commands:
        """What starts today's commands."""
        if self._commands is None or self._day != self.today:
            self.end()
            assert FAKETIME
            self._day = self.today
            self._commands = Commands(FAKETIME, "-f", f"@{self.today} 12:00:00")
        return self._commands

    def end(self) -> None:
        """The day is over."""
        if self._commands:
            self._commands.end()
            self._commands = None


class Machine(Sandbox):
    """A user's machine. Its commands are processes of their own that run on the calendar's day."""

    def __init__(self, root: Path, calendar: Calendar) -> None:
        super().__init__(root)
        self.calendar = calendar

    def tarkpm(self, *words: str | Path, cwd: Path | None = None) -> Result:
        """Run a command and wait for it."""
        environment = self.environment(TZ="UTC")
        today = self.calendar.commands()
        return Result(*today.run(words, folder=self.root, cwd=cwd or self.cwd, environment=environment))

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
