"""Workers for a host that lives long: forked from a process that has wasmtime loaded, in 6 ms instead of 90.

That process (`worker.forks`) is started by exec like any worker, is clean like one, and never sees anything
of a plugin's. It is its workers' parent, so killing and reaping go through it.
"""

import contextlib
import select
import socket
import threading

from tarkpm.host.process import WORKER, AnyProcess, Ends, Process, described
from tarkpm.host.worker.forks import END, ENDED, FORK, FORK_WITH_SCHEMAS, FORKED, REQUEST

SERVER = (*WORKER, "--forks")
PATIENCE = 10.0
"""Seconds the server may take for an answer; it needs milliseconds."""


class ForkServer:
    """Started when first needed, started anew when it is gone. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._life = 0

    def start(self, *, schemas: bool = False) -> AnyProcess:
        """A new worker; ``schemas``: that will check tool arguments. Raises `HostError`.

        Where the server does not serve, the worker is started by exec.
        """
        ends = Ends()
        try:
            number, life = self._fork(ends, FORK_WITH_SCHEMAS if schemas else FORK)
        except BaseException:
            ends.close()
            raise
        finally:
            ends.given()
        if number:
            return ForkedProcess(self, ends, number, life)
        ends.close()
        return Process()

    def end(self, number: int, life: int) -> str:
        """Kill and reap a worker of this server; how it ended, in words."""
        with self._lock:
            if life == self._life and self._process is not None:
                kind, status = self._asked(END, number)
                if kind == ENDED and status >= 0:
                    return described(status)
        return "is gone"

    def serves(self, life: int) -> bool:
        """Return whether the server of that life is still there."""
        process = self._process
        return life == self._life and process is not None and not process.ended

    @property
    def pid(self) -> int | None:
        """The server's process, if there is one."""
        process = self._process
        return None if process is None else process.pid

    def close(self) -> None:
        """End the server; workers it still has see that, and end."""
        with self._lock:
            self._stop()

    def _fork(self, ends: Ends, kind: int) -> tuple[int, int]:
        """A worker's number (0: no server would) and the life of the server that has it."""
        with self._lock:
            for _ in range(2):  # the first may have been killed since
                if self._process is None or self._process.ended:
                    self._stop()
                    self._process = Process(SERVER)
                    self._life += 1
                answered, number = self._asked(kind, 0, ends.theirs)
                if answered == FORKED and number > 0:
                    return number, self._life
                self._stop()
        return 0, self._life

    def _asked(self, kind: int, number: int, descriptors: tuple[int, ...] = ()) -> tuple[int, int]:
        """One request and its answer; (0, 0), and no server, where there is none."""
        assert self._process is not None
        connection = self._process.socket
        try:
            connection.settimeout(PATIENCE)
            socket.send_fds(connection, [REQUEST.pack(kind, number)], descriptors)
            answer = connection.recv(REQUEST.size, socket.MSG_WAITALL)
            if len(answer) == REQUEST.size:
                found: tuple[int, int] = REQUEST.unpack(answer)
                return found
        except OSError:
            pass
        self._stop()
        return 0, 0

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()


class ForkedProcess:
    """A worker that a fork server has. An `AnyProcess`."""

    def __init__(self, server: ForkServer, ends: Ends, pid: int, life: int) -> None:
        self.socket = ends.socket
        self.hang_up = ends.hang_up
        self.pid = pid
        self._server = server
        self._ends = ends
        self._life = life

    @property
    def ended(self) -> bool:
        """As `AnyProcess` has it: its end of the socket is closed, or soon will be."""
        poll = select.poll()
        poll.register(self.socket, 0)
        return bool(poll.poll(0)) or not self._server.serves(self._life)

    def kill(self) -> tuple[str, str]:
        """As `AnyProcess` has it."""
        how = self._server.end(self.pid, self._life)
        with contextlib.suppress(OSError):
            self._ends.hang_up()  # should the server be gone, the worker sees this
        return how, self._ends.last_words()
