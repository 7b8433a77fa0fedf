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
    """A connected socket. ``explain`` is asked for the error to raise when the other side has gone.

    ``release`` ends what is behind the socket. Every error is a `SourceError`.
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
        """``count`` bytes, fewer only at the end."""
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
        """Hang up, and end what is behind."""
        self._sock.close()
        self._release()


class _Incoming(io.RawIOBase):
    """The receiving half, counted; errors leave it as ours, so that dulwich does not rename them."""

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
    """Connect to the host of a ``git://`` URL, without a proxy: there is none for this protocol."""
    url = route.url
    try:
        address = (url.host, url.port or DEFAULT_PORTS[url.scheme])
        sock = socket.create_connection(address, timeout=budget.limits.connect)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except Exception as problem:
        raise translate(problem, budget) from problem
    return ByteStream(sock, budget)


def path_of(url: GitUrl) -> str:
    """The repository's path as its server is told it: ``/~`` begins a home folder."""
    path = unquote(url.path)
    return path[1:] if path.startswith("/~") else path
