"""The fork server: a process with wasmtime imported and nothing else, that forks workers on request.

It has one thread and never reads anything of a plugin's, so what it forks is as clean as what is exec'd, in
6 ms instead of 90. Requests and answers are of nine bytes each, one at a time. It reaps nobody unasked:
a worker's number stays its own until the parent has asked how it ended.

::

    parent → server   FORK, with a worker's socket and standard error     → FORKED number, or 0
    parent → server   FORK_WITH_SCHEMAS, the same, after importing the validator of tool arguments
    parent → server   END number: kill it, if it still runs, and reap it  → ENDED wait status, or -1
"""

import gc
import os
import select
import signal
import struct
from collections.abc import Callable
from typing import Final

REQUEST: Final = struct.Struct("=Bq")
FORK, FORK_WITH_SCHEMAS, END, FORKED, ENDED = range(1, 6)
IDLE: Final = 1_000
"""Milliseconds between looks at the parent, where it cannot be waited for."""


def serve(fd: int, parent: int, work: Callable[[int], None]) -> None:
    """Serve the socket ``fd`` until process ``parent`` is gone or closes it. ``work`` is a worker's life.

    It is given the server's own number, in a process that has the worker's socket at ``fd``.
    """
    import _socket

    control = _socket.socket(fileno=fd)
    is_there = _watched(fd, parent)
    import msgspec  # noqa: F401  # 9 ms once, for what every worker then reads and writes faster

    gc.collect()
    gc.freeze()  # a collection in a worker would touch, and so copy, every page
    while is_there():
        data, extra, _, _ = control.recvmsg(REQUEST.size, _socket.CMSG_SPACE(8))
        if len(data) < REQUEST.size:
            break
        kind, number = REQUEST.unpack(data)
        if kind == END:
            answer = ENDED, _end(number)
        else:
            if kind == FORK_WITH_SCHEMAS:
                import jsonschema_rs  # noqa: F401  # once for all that need it
            answer = FORKED, _fork(struct.unpack("=2i", extra[0][2][:8]), fd, work)
        control.sendall(REQUEST.pack(*answer))
    os._exit(0)  # its workers see that they have lost their parent


def _watched(fd: int, parent: int) -> Callable[[], bool]:
    """Waits for a request; False when there will be no more."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    try:
        life = os.pidfd_open(parent)  # a fork of the parent may hold the socket open
        poll.register(life, select.POLLIN)
        timeout = None
    except (AttributeError, OSError):
        life, timeout = -1, IDLE

    def wait() -> bool:
        while os.getppid() == parent:
            ready = {number for number, _ in poll.poll(timeout)}
            if life in ready:
                return False
            if fd in ready:
                return True
        return False

    return wait


def _fork(ends: tuple[int, ...], fd: int, work: Callable[[int], None]) -> int:
    """A worker's number, or 0."""
    server = os.getpid()
    try:
        child = os.fork()
    except OSError:
        child = -1
    if child == 0:
        os.setsid()
        os.dup2(ends[1], 2)
        os.dup2(ends[0], fd)
        os.closerange(fd + 1, 64)
        work(server)
    for end in ends:
        os.close(end)
    return max(child, 0)


def _end(number: int) -> int:
    try:
        os.kill(number, signal.SIGKILL)
        return os.waitpid(number, 0)[1]
    except (ProcessLookupError, ChildProcessError):
        return -1
