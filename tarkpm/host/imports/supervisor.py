"""The process between tarkpm and a program of a plugin, which ends everything that the program started.

It is run by path, isolated, with only the standard library, and uses one socket. It receives a request (a
length, then NUL-terminated strings: the number of arguments, the arguments, the environment), runs the
program in a process group of its own, and answers with one line: ``exit N`` or ``failed ERRNO``. If the
socket closes before that, the time is up.

In every case the program's processes are killed before this one ends. On Linux orphans become children of
this process (PR_SET_CHILD_SUBREAPER), so a daemon that forked twice and left its session is still found.
Elsewhere only the program's process group is killed. Out of reach everywhere: processes that the program
asked another one to start (a service manager, at, docker, ssh), processes of another user (sudo), and a
program that kills this process first.
"""

import contextlib
import errno
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SWEEP = 2.0
"""Seconds to end everything; a child in an uninterruptible sleep is left to the system."""


def main() -> None:
    """Serve one request, with the descriptors of the socket and the folder from the command line."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    folder = int(sys.argv[2])
    os.fchdir(folder)
    os.close(folder)
    count, *strings = _request(control)
    argv, environment = strings[: int(count)], strings[int(count) :]
    if sys.platform == "linux":  # before the program starts: it must have no time to fork away
        _adopt_orphans()
    awake = _wake_on_child()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        program = Program(_start(argv, dict(entry.split("=", 1) for entry in environment)))
    except OSError as problem:
        control.sendall(f"failed {problem.errno or errno.ENOEXEC}\n".encode())
        return
    _let_go_of_the_programs_files()
    code = _wait(program, control, awake)
    _sweep(program)  # before the answer: the plugin may rely on everything being gone
    if code is not None:
        control.sendall(f"exit {code}\n".encode())


class Program:
    """The program. It stays a zombie after its end, so that its process and group ids are not reused."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.reaped = False

    def poll(self) -> int | None:
        """Return its exit status in a shell's form (128 + signal) once it has ended."""
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.reaped = pid == self.pid
            code = os.waitstatus_to_exitcode(status)
            return (code if code >= 0 else 128 - code) if self.reaped else None
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status

    def kill(self) -> None:
        """Kill its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def is_gone(self) -> bool:
        """Return whether it has ended, and reap it. Its process id may be reused after that."""
        if not self.reaped and self.poll() is not None and not self.reaped:
            os.waitpid(self.pid, 0)
            self.reaped = True
        return self.reaped


def _request(control: socket.socket) -> list[str]:
    (length,) = struct.unpack(">I", _exactly(control, 4))
    return [os.fsdecode(text) for text in _exactly(control, length).split(b"\0")[:-1]]


def _exactly(control: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = control.recv(length - len(data))
        if not piece:
            raise SystemExit
        data += piece
    return data


def _adopt_orphans() -> None:
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wake_on_child() -> int:
    """Return a descriptor that becomes readable when a child ends."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(awake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return awake


def _start(argv: list[str], environment: dict[str, str]) -> int:
    os.environ["PATH"] = environment["PATH"]  # where posix_spawnp looks
    return os.posix_spawnp(
        argv[0],
        argv,
        environment,
        setpgroup=0,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM],
    )


def _let_go_of_the_programs_files() -> None:
    """Close this process's copies of the program's pipes, so that they end with the program."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _wait(program: Program, control: socket.socket, awake: int) -> int | None:
    """Return the program's exit status, or None if the time is up first."""
    while True:
        readable, _, _ = select.select([control.fileno(), awake], [], [])
        if awake in readable:
            os.read(awake, 4096)
            code = program.poll()
            if code is not None:
                return code
            for pid in _orphans(program):
                _reap(pid)
        if control.fileno() in readable:
            return None


def _sweep(program: Program) -> None:
    """Kill the program's group and all orphans, until none is left."""
    until = time.monotonic() + SWEEP
    program.kill()
    while time.monotonic() < until:
        if not program.reaped:
            program.kill()
        orphans = _orphans(program)
        for pid in orphans:  # unreaped children: their process ids cannot have been reused
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            _reap(pid)
        if not orphans and program.is_gone() and not _reap(-1):
            return
        time.sleep(0.002)


def _reap(pid: int) -> bool:
    """Reap a child that has ended. Returns whether there is, or was, such a child."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _orphans(program: Program) -> list[int]:
    return [pid for pid in _children() if pid != program.pid]


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path("/proc/thread-self/children").read_text().split()]
    except OSError:
        return []


if __name__ == "__main__":
    main()
