"""Workers of long-lived hosts, forked from a process with wasmtime loaded in 6 ms instead of 90 ms.

That server process (`worker.forks`) is started by exec like any worker, with an empty environment, and it
never reads data of a plugin. It is the parent of its workers, so killing and reaping go through it.
"""

import contextlib
import select
import socket
import threading

from tarkpm.errors import HostError
from tarkpm.host.process import WORKER, AnyProcess, Ends, Process, described
from tarkpm.host.worker.forks import END, ENDED, FORK, FORK_WITH_SCHEMAS, FORKED, REQUEST

SERVER = (*WORKER, "--forks")
PATIENCE = 10.0
"""Seconds the server may take to answer; it needs milliseconds."""


class ForkServer:
    """A fork server, which is started at the first use and again when it has ended. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._life = 0
        self._is_over = False

    def start(self, *, schemas: bool = False) -> AnyProcess:
        """Start a worker; ``schemas`` says that it will check tool arguments. Raises `HostError`.

        If the server does not answer, the worker is started by exec. Raises `HostError` also after it was
        closed for good.
        """
        ends = Ends()
        try:
            number, life = self._fork(ends, FORK_WITH_SCHEMAS if schemas else FORK)
        except BaseException:
            # The ends may have reached a server that died before it answered, so new ones are made.
            ends.close()
            raise
        finally:
            ends.given()
        if number:
            return ForkedProcess(self, ends, number, life)
        ends.close()
        return Process()

    def end(self, number: int, life: int) -> str:
        """Kill and reap a worker of this server. Returns how it ended, in words.

        ``life`` counts the servers: process ids of an earlier one may have been reused.
        """
        with self._lock:
            if life == self._life and self._process is not None:
                # The server kills: only it knows that the process id is still its worker's.
                kind, status = self._asked(END, number)
                if kind == ENDED and status >= 0:
                    return described(status)
        return "is gone"

    def serves(self, life: int) -> bool:
        """Return whether the server of that ``life`` still runs."""
        process = self._process
        return life == self._life and process is not None and not process.ended

    @property
    def pid(self) -> int | None:
        """Return the id of the server process, if there is one."""
        process = self._process
        return None if process is None else process.pid

    def close(self, *, for_good: bool = False) -> None:
        """End the server. Its remaining workers notice this and end too.

        With ``for_good``, no other server is started.
        """
        with self._lock:
            self._is_over = self._is_over or for_good
            self._stop()

    def _fork(self, ends: Ends, kind: int) -> tuple[int, int]:
        """Return a worker's process id (0 if no server answered) and the life of its server."""
        with self._lock:
            if self._is_over:  # a call that began before the host was closed for good
                raise HostError("the host is closed")
            for _ in range(2):  # the first server may have been killed in the meantime
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
        """Send one request and return its answer. If there is none, stop the server and return (0, 0)."""
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
    """A worker of a fork server. An `AnyProcess`."""

    def __init__(self, server: ForkServer, ends: Ends, pid: int, life: int) -> None:
        self.socket = ends.socket
        self.hang_up = ends.hang_up
        self.pid = pid
        self._server = server
        self._ends = ends
        self._life = life

    @property
    def ended(self) -> bool:
        """As in `AnyProcess`: the worker's end of the socket is closed, or its server has ended."""
        poll = select.poll()
        poll.register(self.socket, 0)
        return bool(poll.poll(0)) or not self._server.serves(self._life)

    def kill(self) -> tuple[str, str]:
        """As in `AnyProcess`."""
        how = self._server.end(self.pid, self._life)
        with contextlib.suppress(OSError):
            self._ends.hang_up()  # if the server is gone, the worker still notices this
        return how, self._ends.last_words()
