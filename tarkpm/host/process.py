"""Start, kill and reap worker processes. Imports next to nothing, so that a worker can be on its way
while the rest of the program is still being imported.
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
SOCKET = 3
Socket = socket.socket
LAST_WORDS = 4 << 10
BUFFER = 512 << 10
"""Of a socket, in bytes; the kernel may give less."""
_ABOVE = 10  # where descriptors are kept until they become 2 and 3, so that they cannot be those already


class AnyProcess(Protocol):
    """A worker's process, however it was started. Costs two descriptors: `socket` and its last words."""

    socket: Socket
    pid: int

    @property
    def ended(self) -> bool:
        """Whether the process has ended, by itself or by `kill`."""

    def kill(self) -> tuple[str, str]:
        """End the process and all it may have started; reap it; close its descriptors.

        Returns how it ended, in words, and the beginning of what it wrote to its standard error. A process
        that had ended before is described as it had ended. To be called once.
        """

    def hang_up(self) -> None:
        """Make whoever waits for this process see that it is gone. Safe from any thread, and at any time."""


class Start(Protocol):
    """Makes worker processes."""

    def __call__(self, *, schemas: bool = False) -> AnyProcess:
        """A new one; ``schemas``: that will check tool arguments. Raises `HostError`."""


class Ends:
    """Both ends of what connects this process with a worker: a socket, and a pipe of its last words."""

    def __init__(self) -> None:
        self.socket, self._theirs = socket.socketpair()
        for end in (self.socket, self._theirs):  # so that who tells something long need not wait
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self._said, self._stderr = os.pipe()
        os.set_blocking(self._said, False)
        os.set_blocking(self._stderr, False)  # what nobody reads is lost, and does not block the worker

    @property
    def theirs(self) -> tuple[int, int]:
        """The worker's ends: its socket, its standard error."""
        return self._theirs.fileno(), self._stderr

    def given(self) -> None:
        """The worker has its ends, or never will: close them here."""
        self._theirs.close()
        os.close(self._stderr)

    def last_words(self) -> str:
        """The beginning of what the worker wrote to its standard error; closes our ends."""
        said = b""
        with contextlib.suppress(OSError):
            said = os.read(self._said, LAST_WORDS)
        self.close()
        return said.decode("utf-8", "replace")

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.socket.close()
        os.close(self._said)


class Process:
    """A worker of our own: started by exec, clean, our child. An `AnyProcess`."""

    def __init__(self, command: Sequence[str] = WORKER) -> None:
        """Start one, in some 2 ms; it is ready after some 60. Raises `HostError`.

        ``command`` is what the interpreter is given; tests start other things than a worker.
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
            self._ends.given()

    @property
    def ended(self) -> bool:
        """As `AnyProcess` has it."""
        if self._how is None:
            self._reap(os.WNOHANG)
        return self._how is not None

    def kill(self) -> tuple[str, str]:
        """As `AnyProcess` has it."""
        if self._how is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)  # the group is there until its leader is reaped
            self._reap(0)
        assert self._how is not None
        return self._how, self._ends.last_words()

    def _reap(self, options: int) -> None:
        try:
            pid, status = os.waitpid(self.pid, options)
        except ChildProcessError:  # somebody ignores SIGCHLD, so the kernel reaped it
            self._how = "is gone"
            return
        if pid:
            self._how = described(status)


def start(*, schemas: bool = False) -> Process:  # noqa: ARG001  # it is all the same to a new interpreter
    """A `Start`: by exec."""
    return Process()


def described(status: int) -> str:
    """What `os.waitpid` says, in words."""
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with status {code}"


def _spawn(command: Sequence[str], theirs: int, stderr: int) -> int:
    """posix_spawn: no Python runs between fork and exec, and `subprocess` need not be imported."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for fd in (theirs, stderr)]
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *command, str(os.getpid())],
            {},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, high[1], 2),
                (os.POSIX_SPAWN_DUP2, high[0], SOCKET),
            ],
            setsid=True,
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
