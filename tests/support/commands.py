"""tarkpm's commands as processes of their own, without the time they need to begin: see `forking`."""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from support import forking


class Command:
    """A running command, as `subprocess.Popen` shows one."""

    def __init__(self, commands: "Commands", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._commands = commands

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._ask(block=False)

    def wait(self, seconds: float | None = None) -> int:
        """Wait for the end. Raises `subprocess.TimeoutExpired`."""
        if seconds is None:
            status = self._ask(block=True)
            assert status is not None
            return status
        end = time.monotonic() + seconds
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("tarkpm", seconds)
            time.sleep(0.005)
        return status

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _ask(self, *, block: bool) -> int | None:
        if self.returncode is None:
            self.returncode = self._commands.ask({"wait": self.pid, "block": block})
        return self.returncode


class Commands:
    """The program that starts commands; ``before`` are words before its own, such as ``faketime …``."""

    def __init__(self, *before: str) -> None:
        # a package's own folder is not on the path of `python -m tarkpm`, and not here
        path = [str(Path(forking.__file__).parents[1]), *filter(None, sys.path)]
        self._program = subprocess.Popen(
            [*before, sys.executable, "-c", "from support.forking import *; sys.exit(main())"],
            env={
                "PATH": "/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "TZ": "UTC",
                "DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_NO_CACHE": "1",
                "PYTHONPATH": os.pathsep.join(path),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self,
        words: Sequence[str | Path],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        stdout: Path | None = None,
        stderr: Path | None = None,
        terminal: str = "",
        limits: Mapping[str, float] | None = None,
        peak: Path | None = None,
    ) -> Command:
        """Start a command at a terminal, or with its output in two files."""
        asked = {
            "words": list(map(str, words)),
            "cwd": str(cwd),
            "environment": dict(environment),
            "stdout": str(stdout or os.devnull),
            "stderr": str(stderr or os.devnull),
            "terminal": terminal,
            "limits": dict(limits or {}),
            "peak": str(peak or ""),
        }
        pid = self.ask(asked)
        assert pid
        return Command(self, pid)

    def run(
        self, words: Sequence[str | Path], *, folder: Path, seconds: float | None = None, **more: Any
    ) -> tuple[int, str, str]:
        """Run a command to its end: exit status, output and errors, which are kept in ``folder`` meanwhile."""
        return self.begin(words, folder=folder, **more)(seconds)

    def begin(
        self, words: Sequence[str | Path], *, folder: Path, **more: Any
    ) -> Callable[[float | None], tuple[int, str, str]]:
        """Start a command; what is returned waits for its end, at most so many seconds, and returns as `run`."""
        out, err = folder / "stdout", folder / "stderr"
        for file in (out, err):
            file.write_bytes(b"")
        command = self.start(words, stdout=out, stderr=err, **more)
        return lambda seconds: (command.wait(seconds), out.read_text(), err.read_text())

    def ask(self, asked: Mapping[str, Any]) -> int | None:
        """Send a request; returns the answer."""
        assert self._program.stdin
        assert self._program.stdout
        self._program.stdin.write(json.dumps(asked) + "\n")
        self._program.stdin.flush()
        answer: int | None = json.loads(self._program.stdout.readline())
        return answer

    def end(self) -> None:
        """Start no more."""
        self._program.communicate(timeout=60)


@functools.cache
def commands() -> Commands:
    """The one program of this test run."""
    found = Commands()
    atexit.register(found.end)
    return found
