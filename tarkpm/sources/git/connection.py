"""Connections that end with the budget, and response bodies that are counted while they are read."""

import io
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

from tarkpm.errors import Refused
from tarkpm.io.login import Login
from tarkpm.io.proxies import split_proxy
from tarkpm.io.tls import trusted
from tarkpm.sources.git.access import Route
from tarkpm.sources.git.error_translation import translate
from tarkpm.sources.git.limits import TransferBudget

if TYPE_CHECKING:
    import ssl

_BUFFER = 1 << 16
_DRAIN_SECONDS, _DRAIN_BYTES, _DRAIN_READS = 0.25, 4096, 4


class PackResponse:
    """The response object that dulwich expects: a content type, a blocking `read`, and `close`."""

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
    def streamed(
        cls, response: BaseHTTPResponse, content_type: str, budget: TransferBudget
    ) -> "PackResponse":
        """Return a response whose body is read from the network on demand."""
        body = _Body(response, budget)
        return cls(io.BufferedReader(body, _BUFFER), content_type, body=body)

    def __enter__(self) -> "PackResponse":
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def read(self, count: int = -1) -> bytes:
        """Return ``count`` bytes, fewer only at the end of the body."""
        return self._stream.read(count)

    def peek(self) -> bytes:
        """Return the beginning of the body without consuming it; empty only for an empty body."""
        return self._stream.peek(8) if isinstance(self._stream, io.BufferedReader) else b""

    def close(self) -> None:
        """Return the connection to the pool if the response is complete, else close it."""
        if self._body is not None:
            self._body.end()


class _Body(io.RawIOBase):
    """A response body, counted. It raises tarkpm's errors, which dulwich does not replace by its own."""

    def __init__(self, response: BaseHTTPResponse, budget: TransferBudget) -> None:
        self._response = response
        self._budget = budget
        self._sound = True

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        self._sound = False
        try:
            # `read1` returns what has arrived, so that a slow body is counted, and stopped, while it arrives.
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
        """Finish the response, see `PackResponse.close`.

        dulwich stops at the last packet, a flush-pkt (gitprotocol-v2(5)), and leaves the rest of the body
        unread.
        """
        if self._sound and self._is_over():
            self._response.release_conn()
        else:
            self._response.close()
        self._sound = False

    def _is_over(self) -> bool:
        connection = getattr(self._response, "connection", None)
        if connection is None:
            return True
        if connection.sock is None:  # Connection: close; only the body holds the socket, so close it
            return False
        # After Ctrl-C, or with a server that hangs, this must not take long.
        connection.sock.settimeout(_DRAIN_SECONDS)
        try:
            return not all(self._response.read1(_DRAIN_BYTES) for _ in range(_DRAIN_READS))
        except (OSError, urllib3.exceptions.HTTPError):
            return False


class _Http(HTTPConnection):
    """A connection whose socket the budget shuts down when the time is over."""

    budget: TransferBudget

    def _new_conn(self) -> Any:
        return self.budget.watched(super()._new_conn())


class _Https(HTTPSConnection):
    """The same with TLS. The handshake begins after `_new_conn`, so it is within the budget too."""

    budget: TransferBudget

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError:
            # urllib3 reports a handshake that hangs as a response that hangs.
            raise urllib3.exceptions.ConnectTimeoutError(self, "no TLS handshake") from None

    def _new_conn(self) -> Any:
        return self.budget.watched(super()._new_conn())


def open_pool(route: Route, budget: TransferBudget) -> urllib3.HTTPConnectionPool:
    """Return a pool of one kept connection to the origin of ``route``. Nothing is connected yet."""
    manager = _manager(route, budget)
    pool = manager.connection_from_host(route.url.host, route.url.port or None, route.url.scheme)
    kind = _Https if route.url.scheme == "https" else _Http
    # urllib3 creates connections from a class and passes no context, so the class carries the budget.
    pool.ConnectionCls = type(kind.__name__, (kind,), {"budget": budget})
    return pool


def _manager(route: Route, budget: TransferBudget) -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=budget.limits.connect, read=budget.limits.stall)
    # One connection: dulwich sends one request after the other.
    options: dict[str, Any] = {"timeout": timeout, "maxsize": 1}
    if route.url.scheme == "https":
        options["ssl_context"] = _trusted(route)
    if not route.proxy:
        return urllib3.PoolManager(**options)
    proxy = split_proxy(route.proxy)
    headers = {"Proxy-Authorization": Login(*proxy.auth).header} if proxy.auth else {}
    if proxy.url.startswith("https:"):
        options["proxy_ssl_context"] = _trusted(route)
    return urllib3.ProxyManager(proxy.url, proxy_headers=headers, **options)


def _trusted(route: Route) -> "ssl.SSLContext":
    try:
        return trusted(route.authorities, route.authority_folder)
    except Refused as problem:
        problem.where = route.access.setting_of(problem.where)
        problem.hint = "name a file or folder of certificates, or unset it"
        raise
