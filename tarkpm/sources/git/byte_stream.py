"""A bidirectional stream of bytes that ends with the budget, and its implementation over TCP."""

import io
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tarkpm.errors import SourceError
from tarkpm.sources.git.access import Route
from tarkpm.sources.git.error_translation import translate
from tarkpm.sources.git.limits import TransferBudget
from tarkpm.sources.git.url import DEFAULT_PORTS, GitUrl

_BUFFER = 1 << 16


class ByteStream:
    """A connected socket whose traffic is charged to a budget.

    When the other side has closed it, ``explain`` returns the error to raise, or None. ``release`` ends the
    process behind the socket. Raises only `SourceError`.
    """

    def __init__(
        self,
        sock: socket.socket,
        budget: TransferBudget,
        *,
        explain: Callable[[], SourceError | None] = lambda: None,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._sock = budget.watched(sock)
        self._sock.settimeout(budget.limits.stall)
        self._budget = budget
        self._explain = explain
        self._release = release
        self._stream = io.BufferedReader(_Incoming(self._sock, budget, explain), _BUFFER)

    def read(self, count: int) -> bytes:
        """Return ``count`` bytes, fewer only at the end of the stream."""
        return self._stream.read(count)

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        try:
            self._sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as problem:
            raise self._explain() or translate(problem, self._budget) from problem
        except Exception as problem:
            raise translate(problem, self._budget) from problem

    def close(self) -> None:
        """Close the socket and end the process behind it."""
        self._sock.close()
        self._release()


class _Incoming(io.RawIOBase):
    """The receiving half, counted. It raises tarkpm's errors, which dulwich does not replace by its own."""

    def __init__(
        self, sock: socket.socket, budget: TransferBudget, explain: Callable[[], SourceError | None]
    ) -> None:
        self._sock, self._budget, self._explain = sock, budget, explain

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        try:
            count = self._sock.recv_into(target)
            if self._budget.expired:
                raise TimeoutError
        except Exception as problem:
            raise translate(problem, self._budget) from problem
        if not count and (reason := self._explain()):
            raise reason
        self._budget.received(count)
        return count


def dial(route: Route, budget: TransferBudget) -> ByteStream:
    """Connect to the host of a ``git://`` URL. Git defines no proxy for this protocol (gitprotocol-pack(5)).

    Raises `Unreachable`.
    """
    url = route.url
    try:
        address = (url.host, url.port or DEFAULT_PORTS[url.scheme])
        sock = socket.create_connection(address, timeout=budget.limits.connect)
        # Requests are small and wait for their answer: Nagle's algorithm would delay each of them.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except Exception as problem:
        raise translate(problem, budget) from problem
    return ByteStream(sock, budget)


def path_of(url: GitUrl) -> str:
    """Return the path of a repository as sent to its server: ``/~user`` is sent as ``~user``, as git does."""
    path = unquote(url.path)
    return path[1:] if path.startswith("/~") else path
