"""tarkpm at a real terminal: a pseudo-terminal that it owns."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

from support.sandbox import Sandbox


def interruptible() -> None:
    """Let Ctrl-C through."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # pytest's workers, and background jobs, ignore it


def _own_terminal() -> None:
    interruptible()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def at_a_terminal(sandbox: Sandbox, *arguments: str) -> "tuple[subprocess.Popen[bytes], int]":
    """Start tarkpm with a terminal for standard input, output and error."""
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tarkpm", *arguments],
        cwd=sandbox.cwd,
        env=sandbox.environment(TERM="xterm"),
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        start_new_session=True,
        close_fds=True,
        preexec_fn=_own_terminal,  # noqa: PLW1509  it makes two system calls
    )
    os.close(secondary)
    return process, primary


def read_until(primary: int, text: str, seconds: float = 20) -> str:
    """What the terminal shows, until it shows ``text``."""
    seen = b""
    end = time.monotonic() + seconds
    while select.select([primary], [], [], max(0, end - time.monotonic()))[0]:
        try:
            seen += os.read(primary, 65536)
        except OSError:
            break
        if text.encode() in seen:
            break
    return seen.decode("utf-8", "replace")
