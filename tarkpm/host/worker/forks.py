"""The fork server: a process that has imported wasmtime and forks workers on request.

A fork takes 6 ms, an exec 90 ms. The server has one thread, because a fork copies only the calling one, and
it never reads data of a plugin, so a forked worker is as clean as a new process. Requests and answers have
nine bytes each, one at a time. It reaps a worker only on request: until then the worker's process id is not
reused.

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
"""Milliseconds between checks of the parent, on systems without pidfd."""


def serve(fd: int, parent: int, work: Callable[[int], None]) -> None:
    """Serve the socket ``fd`` until process ``parent`` ends or closes it.

    ``work`` runs a worker. It is called with the server's process id, in a process with the worker's socket
    at ``fd``.
    """
    import _socket

    # `_socket`, not `socket`: the latter imports `selectors` and `enum`, which every worker would carry.
    control = _socket.socket(fileno=fd)
    is_there = _watched(fd, parent)
    import msgspec  # noqa: F401  # takes 9 ms once, and makes JSON faster in every worker

    gc.collect()
    gc.freeze()  # a collection in a worker would write to, and so copy, every shared page
    while is_there():
        data, extra, _, _ = control.recvmsg(REQUEST.size, _socket.CMSG_SPACE(8))
        if len(data) < REQUEST.size:
            break
        kind, number = REQUEST.unpack(data)
        if kind == END:
            answer = ENDED, _end(number)
        else:
            if kind == FORK_WITH_SCHEMAS:
                import jsonschema_rs  # noqa: F401  # once for all workers that need it
            answer = FORKED, _fork(struct.unpack("=2i", extra[0][2][:8]), fd, work)
        control.sendall(REQUEST.pack(*answer))
    os._exit(0)  # its workers notice that their parent is gone


def _watched(fd: int, parent: int) -> Callable[[], bool]:
    """Return a function that waits for a request, and returns False when the parent is gone."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    try:
        life = os.pidfd_open(parent)  # the socket alone is not enough: a fork of the parent may hold it open
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
    """Fork a worker. Returns its process id, or 0."""
    server = os.getpid()
    try:
        child = os.fork()
    except OSError:
        child = -1
    if child == 0:
        # A session of its own, as with exec: the worker is no part of the server's group.
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
        # The worker is this process's unreaped child, so the id cannot have been reused.
        os.kill(number, signal.SIGKILL)
        return os.waitpid(number, 0)[1]
    except (ProcessLookupError, ChildProcessError):
        return -1
