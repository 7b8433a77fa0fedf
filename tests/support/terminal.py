"""tarkpm at a terminal of its own: what a person sees there, and types."""

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping
from types import TracebackType

from support.commands import commands
from support.sandbox import Result, Sandbox

PATIENCE = 60.0
"""Seconds to wait for what must come; it mostly comes at once."""
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """A running command whose standard input, output and error are one terminal. A context manager."""

    def __init__(
        self, sandbox: Sandbox, *arguments: str, env: Mapping[str, str] | None = None, columns: int = 0
    ) -> None:
        self.seen = ""
        self._new = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end inside a character
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))
        self.process = commands().start(
            arguments,
            cwd=sandbox.cwd,
            environment=sandbox.environment(TERM="xterm", **(env or {})),
            terminal=os.ttyname(theirs),
        )
        os.close(theirs)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    def expect(self, text: str) -> str:
        """Wait until ``text`` is seen; everything since what was expected before, up to its end."""
        end = time.monotonic() + PATIENCE
        while text not in self._new:
            assert self._read(end - time.monotonic()), f"expected {text!r}, seen: {self.seen!r}"
        found, _, self._new = self._new.partition(text)
        return found + text

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._ours, text.encode())

    def finish(self) -> Result:
        """Wait for the end: the exit status, and all that was seen, as standard error."""
        end = time.monotonic() + PATIENCE
        while self._read(end - time.monotonic()):
            pass
        return Result(self.process.wait(PATIENCE), "", self.seen)

    def interrupt(self) -> Result:
        """Press Ctrl-C, again if need be as a person would: one just before read() is not seen. The end."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            self.type(CTRL_C)
            while self._read(0.5):
                pass
        return self.finish()

    def _read(self, seconds: float) -> bool:
        """Take what there is within some time; False if there was nothing, or nobody is left to write."""
        if not select.select([self._ours], [], [], max(0.0, seconds))[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # the other end is closed
            return False
        text = self._decoder.decode(data)
        self.seen += text
        self._new += text
        return bool(data)


def own_terminal() -> None:
    """Make standard input the terminal of the session of a process that is about to begin."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # pytest's workers, and background jobs, ignore it
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
