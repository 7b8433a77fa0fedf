"""httpcore2 with budgets: `tarkpm.io.http` imports this module with its first request.

httpcore2 has a timeout for each read and write, so a server that sends a byte a second is never late. Here
every read, write, handshake and connection is charged to the `RequestBudget` of the thread's current request,
and connections go to addresses that a `Resolve` returned, never to a name.
"""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpcore2

from tarkpm.core.urls import PORTS, RequestTarget
from tarkpm.errors import Refused, Unreachable
from tarkpm.io.http_request import ACCEPTED, Headers, RequestLimits, Resolve
from tarkpm.io.proxies import LOOK, Proxy
from tarkpm.io.request_budget import RequestBudget

ATTEMPTS = 3
_SOON = 3.0
"""Seconds to try one address if there is another."""


class _Current(threading.local):
    """The budget of this thread's current request. Closing idle connections needs none."""

    budget: RequestBudget


class Exchange:
    """A response whose body is still arriving."""

    def __init__(self, response: httpcore2.Response) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response

    def body(self) -> Iterator[bytes]:
        """Yield the bytes of the body as sent, without decompression."""
        with _translated():
            yield from self._response.iter_stream()


class Wire:
    """Connections made directly, or through one proxy."""

    def __init__(
        self,
        limits: RequestLimits,
        tls: ssl.SSLContext | None,
        resolve: Resolve,
        proxy: Proxy | None,
        keep: int,
    ) -> None:
        self._limits, self._closed = limits, False
        self._proxy = proxy.url if proxy else ""
        self._current = _Current()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls,
            proxy=None if proxy is None else _proxy(proxy, tls),
            max_connections=None,
            max_keepalive_connections=keep,
            keepalive_expiry=15.0,
            network_backend=_Backend(self._current, resolve),
        )
        usual = {"accept": "*/*", "accept-encoding": ACCEPTED, "user-agent": "tarkpm"}
        self._headers = usual | ({} if keep else {"connection": "close"})

    @contextlib.contextmanager
    def exchange(
        self, method: str, target: RequestTarget, headers: Headers, body: bytes | None, deadline: float
    ) -> Iterator[Exchange]:
        """Send a request; the response is closed in any case."""
        response = self._sent(method, target, headers, body, deadline)
        try:
            yield Exchange(response)
        finally:
            response.close()
            if self._closed:  # by another thread: the pool no longer knows this connection
                response.extensions["network_stream"].close()

    def upgrade(self, target: RequestTarget, headers: Headers, deadline: float) -> "Upgraded":
        """Ask for another protocol on the connection (RFC 9110, 7.8); the caller closes the result."""
        return Upgraded(self._sent("GET", target, headers, None, deadline), self._current, self._limits)

    def close(self) -> None:
        """Close idle connections; those in use are closed when they are returned."""
        self._closed = True
        self._pool.close()

    def _sent(
        self, method: str, target: RequestTarget, headers: Headers, body: bytes | None, deadline: float
    ) -> httpcore2.Response:
        # The budget is found through the thread: httpcore2 does not tell its network backend which request it
        # serves.
        budget = self._current.budget = RequestBudget(deadline, self._limits)
        ours = {"host": target.authority, **self._headers}
        if body is not None:
            ours["content-length"] = str(len(body))
        given = {name.lower() for name, _ in headers}
        request = httpcore2.Request(
            method,
            core_url(target),
            headers=[*((name, value) for name, value in ours.items() if name not in given), *headers],
            content=body,
        )
        with _translated(self._proxy):
            try:
                return self._pool.handle_request(request)
            except (httpcore2.NetworkError, httpcore2.RemoteProtocolError):
                if method != "GET" or budget.connected or budget.answered:
                    raise
            # The server closed a kept connection while this was sent (RFC 9112, 9.3.1). Retry once, by the
            # same deadline.
            return self._pool.handle_request(request)


class Upgraded:
    """The response to `Wire.upgrade`: a status, headers and, for status 101, bytes in both directions."""

    def __init__(self, response: httpcore2.Response, current: _Current, limits: RequestLimits) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response, self._current, self._limits = response, current, limits
        self._stream = response.extensions["network_stream"] if self.status == 101 else None

    def read(self, most: int, deadline: float) -> bytes | None:
        """Return the bytes that have arrived, ``b""`` at the end, or None if none arrive by the deadline."""
        assert self._stream is not None
        with _translated():
            try:
                self._current.budget = RequestBudget(deadline, self._limits)
                data: bytes = self._stream.read(most)
            except httpcore2.ReadTimeout:
                return None
            return data

    def write(self, data: bytes, deadline: float) -> None:
        """Send all of ``data``. After an error the connection is unusable."""
        assert self._stream is not None
        with _translated():
            self._current.budget = RequestBudget(deadline, self._limits)
            self._stream.write(data)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


def core_url(target: RequestTarget) -> httpcore2.URL:
    """Convert a target for httpcore2, without parsing it again."""
    return httpcore2.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=None if target.port == PORTS[target.scheme] else target.port,  # proxies receive the port
        target=target.path.encode(),
    )


class _Backend(httpcore2.NetworkBackend):
    """Connect to the addresses that ``resolve`` returns; the first that answers is used."""

    def __init__(self, current: _Current, resolve: Resolve) -> None:
        self._current = current
        self._resolve = resolve
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the budget has it
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Any = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        budget = self._current.budget
        # Set before connecting: whatever happens, the request is then not a retry on a kept connection.
        budget.connected = True
        until = time.monotonic() + budget.left(budget.limits.connect)
        # Connect to the addresses that were checked: a second lookup of the name could return others (DNS
        # rebinding).
        addresses = list(self._resolve(host, port, until))[:ATTEMPTS]
        # Other addresses are tried before the deadline: one of a dead IPv6 route would use it up.
        for address in addresses[:-1]:
            with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return self._connect(address, port, min(_SOON, until - time.monotonic()))
        return self._connect(addresses[-1], port, until - time.monotonic())

    def _connect(self, address: str, port: int, seconds: float) -> httpcore2.NetworkStream:
        left = self._current.budget.left(seconds)
        return _Stream(self._plain.connect_tcp(address, port, timeout=left), self._current)


class _Stream(httpcore2.NetworkStream):
    """A connection that charges the current request of the calling thread."""

    def __init__(self, inner: httpcore2.NetworkStream, current: _Current) -> None:
        self._inner = inner
        self._current = current

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        budget = self._current.budget
        data = self._inner.read(max_bytes, budget.left(budget.limits.stall))
        budget.received(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        budget = self._current.budget
        view = memoryview(buffer)
        for start in range(
            0, len(view), _PIECE
        ):  # in pieces, so that a slow server cannot extend the deadline
            self._inner.write(view[start : start + _PIECE].tobytes(), budget.left(budget.limits.stall))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        budget = self._current.budget
        left = budget.left(min(timeout or budget.limits.connect, budget.limits.connect))
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._current)

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


_PIECE = 16 << 10


def _proxy(proxy: Proxy, tls: ssl.SSLContext | None) -> httpcore2.Proxy:
    secure = tls if proxy.url.startswith("https:") else None
    return httpcore2.Proxy(proxy.url, auth=proxy.auth, ssl_context=secure)


@contextlib.contextmanager
def _translated(proxy: str = "") -> Iterator[None]:
    """Translate the errors of httpcore2; ``proxy`` is the URL of the one that is used."""
    # In the hint, which no plugin gets: the address of a company's proxy is none of its business.
    hint = f"the proxy is {proxy}; {LOOK}" if proxy else ""
    try:
        yield
    except httpcore2.ProxyError as problem:
        raise Unreachable(f"the proxy responded '{str(problem)[:80]}'", hint=hint) from None
    except httpcore2.ConnectTimeout:
        raise Unreachable("the connection timed out") from None
    except httpcore2.ConnectError as problem:
        raise Unreachable(_connect_failure(problem, proxy), hint=hint) from None
    except httpcore2.TimeoutException:
        raise Unreachable("the server did not respond in time") from None
    except httpcore2.LocalProtocolError as problem:
        bare = "the request is not valid HTTP"
        raise Refused(f"{bare}: {problem}", bare=bare) from None
    except httpcore2.RemoteProtocolError as problem:
        bare = "the response is not valid HTTP"
        raise Unreachable(f"{bare}: {str(problem)[:120]}", bare=bare) from None
    except (httpcore2.NetworkError, OSError) as problem:
        raise Unreachable(f"the connection failed: {str(problem)[:120] or 'closed'}") from None


def _connect_failure(problem: Exception, proxy: str) -> str:
    cause = problem.__cause__ or problem.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not valid for this host: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"cannot encrypt the connection: {cause.reason or 'TLS failed'}"
    reason = getattr(cause, "strerror", None) or problem
    # Through a proxy, this is the only connection that is made directly.
    return f"cannot connect to the proxy: {reason}" if proxy else f"cannot connect: {reason}"
