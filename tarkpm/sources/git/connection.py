"""Connections that end with the budget, and response bodies that are counted as they are read."""

import io
import ssl
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

from tarkpm.sources.git.boundary import translate
from tarkpm.sources.git.limits import Budget
from tarkpm.sources.git.url import GitUrl

_BUFFER = 1 << 16
_DRAIN_SECONDS, _DRAIN_BYTES, _DRAIN_READS = 0.25, 4096, 4


class Answer:
    """What dulwich takes for a response: its type, a `read` that waits for all it was asked for, `close`."""

    def __init__(
        self,
        stream: io.BufferedReader | io.BytesIO,
        content_type: str,
        *,
        redirect_location: str = "",
        body: "_Body | None" = None,
    ) -> None:
        self.status = 200
        self.content_type = content_type
        self.redirect_location = redirect_location
        self._stream = stream
        self._body = body

    @classmethod
    def streamed(cls, response: BaseHTTPResponse, content_type: str, budget: Budget) -> "Answer":
        """The answer whose body is still on its way."""
        body = _Body(response, budget)
        return cls(io.BufferedReader(body, _BUFFER), content_type, body=body)

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def read(self, count: int = -1) -> bytes:
        """``count`` bytes, fewer only at the end."""
        return self._stream.read(count)

    def peek(self) -> bytes:
        """The beginning of the body, without taking it; empty only if there is nothing."""
        return self._stream.peek(8) if isinstance(self._stream, io.BufferedReader) else b""

    def close(self) -> None:
        """Give the connection back if the server has nothing more to say, else close it."""
        if self._body is not None:
            self._body.end()


class _Body(io.RawIOBase):
    """A response body, counted; errors leave it as ours, so that dulwich does not rename them."""

    def __init__(self, response: BaseHTTPResponse, budget: Budget) -> None:
        self._response = response
        self._budget = budget
        self._sound = True

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        self._sound = False
        try:
            data = self._response.read1(len(target))
            if self._budget.expired:
                raise TimeoutError
        except Exception as problem:
            raise translate(problem, self._budget) from problem
        self._budget.received(len(data))
        self._sound = True
        target[: len(data)] = data
        return len(data)

    def end(self) -> None:
        """See `Answer.close`. dulwich stops at the last packet; what ends the body is still to be read."""
        if self._sound and self._is_over():
            self._response.release_conn()
        else:
            self._response.close()
        self._sound = False

    def _is_over(self) -> bool:
        connection = getattr(self._response, "connection", None)
        if connection is None or connection.sock is None:
            return True
        # After Ctrl-C, or from a server that hangs, this must not take long.
        connection.sock.settimeout(_DRAIN_SECONDS)
        try:
            return not all(self._response.read1(_DRAIN_BYTES) for _ in range(_DRAIN_READS))
        except (OSError, urllib3.exceptions.HTTPError):
            return False


class _Http(HTTPConnection):
    """A connection that ends with the budget."""

    def __init__(self, *args: Any, budget: Budget, **options: Any) -> None:
        super().__init__(*args, **options)
        self._budget = budget

    def _new_conn(self) -> Any:
        return self._budget.watched(super()._new_conn())


class _Https(HTTPSConnection):
    """The same with TLS, which begins after `_new_conn`: the handshake is within the budget too."""

    def __init__(self, *args: Any, budget: Budget, **options: Any) -> None:
        super().__init__(*args, **options)
        self._budget = budget

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError:
            # urllib3 reports a handshake that hangs as an answer that does.
            raise urllib3.exceptions.ConnectTimeoutError(self, "no TLS handshake") from None

    def _new_conn(self) -> Any:
        return self._budget.watched(super()._new_conn())


def open_pool(url: GitUrl, budget: Budget) -> urllib3.HTTPConnectionPool:
    """One kept connection to the origin of ``url``; nothing is connected yet."""
    timeout = urllib3.Timeout(connect=budget.limits.connect, read=budget.limits.stall)
    if url.scheme == "https":
        context = ssl.create_default_context()
        pool = urllib3.HTTPSConnectionPool(
            url.host, url.port or None, timeout, maxsize=1, ssl_context=context, budget=budget
        )
        pool.ConnectionCls = _Https
        return pool
    plain = urllib3.HTTPConnectionPool(url.host, url.port or None, timeout, maxsize=1, budget=budget)
    plain.ConnectionCls = _Http
    return plain
