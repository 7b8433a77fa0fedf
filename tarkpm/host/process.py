"""Start, kill and reap worker processes.

This module imports very little, so that a worker can start while the rest of the program is still imported.
"""

import contextlib
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Protocol

from tarkpm.errors import HostError

WORKER = ("-I", "-m", "tarkpm.host.worker")
WITH_SCHEMAS = (*WORKER, "--schemas")
"""A worker that will check tool arguments: it imports the validator while it waits for its plugin."""
SOCKET = 3
Socket = socket.socket
# Enough for a traceback. A hostile worker decides what is in it.
LAST_WORDS = 4 << 10
BUFFER = 512 << 10
"""Size of a socket's send buffer in bytes; the kernel may give less."""
# Descriptors are moved above this first: one that already is 2 or 3 would be overwritten by the other's dup2.
_ABOVE = 10


class AnyProcess(Protocol):
    """A worker process, however it was started. It uses two descriptors: `socket` and a pipe for stderr."""

    socket: Socket
    pid: int

    @property
    def ended(self) -> bool:
        """Return whether the process has ended, by itself or by `kill`."""

    def kill(self) -> tuple[str, str]:
        """End the process and everything it started, reap it, and close its descriptors. Call this once.

        Returns how the process ended, in words, and the first 4 KiB of its standard error. If it had ended
        before, the words describe that end.
        """

    def hang_up(self) -> None:
        """Shut the socket down, which ends any wait for this process. Safe from any thread, at any time."""


class Start(Protocol):
    """Starts worker processes."""

    def __call__(self, *, schemas: bool = False) -> AnyProcess:
        """Start one; ``schemas`` says that it will check tool arguments. Raises `HostError`."""


class Ends:
    """Both ends of the connection to a worker: a socket, and a pipe for its standard error."""

    def __init__(self) -> None:
        self.socket, self._theirs = socket.socketpair()
        for end in (self.socket, self._theirs):  # a long message then does not block its sender
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self._said, self._stderr = os.pipe()
        os.set_blocking(self._said, False)  # reading must not wait for a process that holds the other end
        os.set_blocking(self._stderr, False)  # a full pipe drops output instead of blocking the worker

    @property
    def theirs(self) -> tuple[int, int]:
        """Return the worker's ends: its socket and its standard error."""
        return self._theirs.fileno(), self._stderr

    def given(self) -> None:
        """Close the worker's ends here; the worker has its own copies, or did not start."""
        self._theirs.close()
        os.close(self._stderr)

    def last_words(self) -> str:
        """Return the beginning of the worker's standard error, and close this process's ends."""
        said = b""
        with contextlib.suppress(OSError):
            said = os.read(self._said, LAST_WORDS)
        self.close()
        return said.decode("utf-8", "replace")

    def hang_up(self) -> None:
        """As in `AnyProcess`."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close this process's ends."""
        self.socket.close()
        os.close(self._said)


class Process:
    """A worker that was started by exec, as a child of this process. An `AnyProcess`."""

    def __init__(self, command: Sequence[str] = WORKER) -> None:
        """Start a worker. This returns after about 2 ms; the worker is ready after about 60 ms.

        ``command`` holds the interpreter's arguments; tests start other programs. Raises `HostError`.
        """
        if not sys.executable:
            raise HostError("cannot start a worker: the path of the Python interpreter is unknown")
        self._how: str | None = None
        self._ends = Ends()
        self.socket = self._ends.socket
        self.hang_up = self._ends.hang_up
        try:
            self.pid = _spawn(command, *self._ends.theirs)
        except BaseException as problem:
            self._ends.close()
            if isinstance(problem, OSError):
                raise HostError(f"cannot start a worker: {problem.strerror}", where=sys.executable) from None
            raise
        finally:
            # Also after a failure: a copy of the worker's end kept here would hide that the worker is gone.
            self._ends.given()

    @property
    def ended(self) -> bool:
        """As in `AnyProcess`."""
        if self._how is None:
            self._reap(os.WNOHANG)
        return self._how is not None

    def kill(self) -> tuple[str, str]:
        """As in `AnyProcess`."""
        if self._how is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)  # the group id stays ours until its leader is reaped
            self._reap(0)
        assert self._how is not None
        return self._how, self._ends.last_words()

    def _reap(self, options: int) -> None:
        try:
            pid, status = os.waitpid(self.pid, options)
        except ChildProcessError:  # the embedding program ignores SIGCHLD, so the kernel reaped it
            self._how = "is gone"
            return
        if pid:
            self._how = described(status)


def start(*, schemas: bool = False) -> Process:
    """Start a worker by exec. A `Start`."""
    return Process(WITH_SCHEMAS if schemas else WORKER)


def described(status: int) -> str:
    """Return an `os.waitpid` status in words."""
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with status {code}"


def _spawn(command: Sequence[str], theirs: int, stderr: int) -> int:
    """Start the interpreter with posix_spawn.

    No Python code runs between fork and exec, which is safe with threads, and `subprocess` is not imported.
    """
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for fd in (theirs, stderr)]
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *command, str(os.getpid())],
            {},  # an empty environment: no tokens, and no PYTHON* variable that changes what runs
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, high[1], 2),
                (os.POSIX_SPAWN_DUP2, high[0], SOCKET),
            ],
            setsid=True,  # no terminal, and a group that `kill` can end as a whole
            setsigmask=[],
            setsigdef=[signal.SIGTERM, signal.SIGPIPE],
        )
    finally:
        for fd in high:
            os.close(fd)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
