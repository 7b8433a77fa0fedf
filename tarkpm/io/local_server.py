"""A small HTTP/1.1 server on loopback: one request for each connection, in a thread of its own.

h11 checks the protocol (RFC 9112): one ``Host``, one length, no line breaks in headers. Here are the limits
on connections, bytes and time. A connection ends with its response, so that idle clients hold nothing.
"""

import contextlib
import errno
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import h11
import msgspec

from tarkpm.core.local_access import LoopbackAddress, Pairs
from tarkpm.errors import HostError

MAX_CONNECTIONS: Final = 32
MAX_HEAD: Final = 32 << 10
"""Bytes of the request line and the headers."""
MAX_BODY: Final = 8 << 20
PATIENCE: Final = 10.0
"""Seconds for a client to send its whole request, and again to take the response."""
_LINGER: Final = 1.0
_CHUNK: Final = 64 << 10


class Head(msgspec.Struct, frozen=True):
    """The request line and headers. Names are in lower case; the target is as it was sent."""

    method: str
    target: str
    headers: Pairs


class Reply(msgspec.Struct, frozen=True):
    """A response. ``headers`` are added to its length and to what every response has."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Service(Protocol):
    """What is served. Each method may be called from several threads at once."""

    def admit(self, head: Head) -> Reply | None:
        """Return the response for a request that is refused before its body is read, else None."""

    def answer(self, head: Head, body: bytes) -> Reply:
        """Return the response for a request that was admitted."""

    def refuse(self, status: int) -> Reply:
        """Return the response for a request that breaks HTTP or a limit, by its status."""


_ALWAYS: Final = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("connection", "close"),
)


class _Refused(Exception):
    """A request that breaks HTTP or a limit."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class LocalServer(socketserver.ThreadingTCPServer):
    """Serve a `Service` at a loopback address, with `serve_forever` until `shutdown`.

    ``service`` is called with the real address, once the port is known. ``report`` is called with each
    exception of the service, which gets a response with status 500 and does not end the server.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(
        self,
        address: LoopbackAddress,
        service: Callable[[LoopbackAddress], Service],
        report: Callable[[Exception], None],
        *,
        patience: float = PATIENCE,
    ) -> None:
        """Start to listen. Raises `HostError` if that is not possible."""
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            super().__init__((address.host, address.port), _Connection)
        except OSError as problem:
            taken = problem.errno == errno.EADDRINUSE
            why = (
                "another program is listening there" if taken else (problem.strerror or str(problem)).lower()
            )
            where = f"{address.shown_host}:{address.port}"
            raise HostError(f"cannot listen: {why}", where=where) from None
        self.address = LoopbackAddress(address.host, self.server_address[1])
        self.service = service(self.address)
        self.report = report
        self.patience = patience
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, unless there are too many."""
        if not self._slots.acquire(blocking=False):
            # One packet, which fits into every socket's buffer: a client that does not read delays nobody.
            with contextlib.suppress(OSError):
                request.setblocking(False)
                request.send(_bytes(h11.Connection(h11.SERVER), self.service.refuse(503)))
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, then make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: what a client does wrong with its connection is of no interest."""


class _Connection(socketserver.BaseRequestHandler):
    """One connection and its one request."""

    server: LocalServer

    def handle(self) -> None:
        self._until = time.monotonic() + self.server.patience
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._is_head = False
        try:
            reply = self._reply()
        except _Refused as refused:
            reply = self.server.service.refuse(refused.status)
        except OSError:
            return  # the client is gone
        self._send(reply)

    def _reply(self) -> Reply:
        """Read the request and return its response. Raises `_Refused` and `OSError`."""
        event = self._next()
        if not isinstance(event, h11.Request):
            raise ConnectionAbortedError
        names = [(name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers]
        head = Head(event.method.decode("ascii"), event.target.decode("ascii", "replace"), names)
        self._is_head = event.method == b"HEAD"
        # Before the body: a client without the right to ask cannot make the server keep megabytes.
        if (reply := self.server.service.admit(head)) is not None:
            return reply
        body = self._body()
        try:
            return self.server.service.answer(head, body)
        except Exception as problem:  # noqa: BLE001  # one request that fails must not end the server
            self.server.report(problem)
            return self.server.service.refuse(500)

    def _body(self) -> bytes:
        """Return the request's body. Raises `_Refused` if it is too long or too late."""
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self.request.sendall(self._http.send(go_on) or b"")
        body = bytearray()
        while not isinstance(event := self._next(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise ConnectionAbortedError
            body += event.data
            if len(body) > MAX_BODY:
                raise _Refused(413)
        return bytes(body)

    def _next(self) -> Any:
        """Return the next event. Raises `_Refused` for broken HTTP and at the deadline."""
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                # The time that is left, not a time for each read: a byte a second would never be late.
                left = self._until - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self.request.settimeout(left)
                self._http.receive_data(self.request.recv(_CHUNK))
        except h11.RemoteProtocolError as problem:
            raise _Refused(problem.error_status_hint) from None
        except TimeoutError:
            raise _Refused(408) from None
        return event

    def _send(self, reply: Reply) -> None:
        with contextlib.suppress(OSError, h11.ProtocolError):
            self.request.settimeout(self.server.patience)
            self.request.sendall(_bytes(self._http, reply, is_head=self._is_head))
            # What the client still sends is read: unread bytes would reset the connection before it has
            # read the response (RFC 9112, 9.6).
            self.request.shutdown(socket.SHUT_WR)
            until = time.monotonic() + _LINGER
            while (left := until - time.monotonic()) > 0:
                self.request.settimeout(left)
                if not self.request.recv(_CHUNK):
                    return


def _bytes(http: h11.Connection, reply: Reply, *, is_head: bool = False) -> bytes:
    """Return a whole response. h11 refuses headers with line breaks."""
    headers = [
        ("content-type", reply.content_type),
        ("content-length", str(len(reply.body))),
        *_ALWAYS,
        *reply.headers,
    ]
    sent = [http.send(h11.Response(status_code=reply.status, headers=headers))]
    if not is_head:  # RFC 9110, 9.3.2: the length, and no body
        sent.append(http.send(h11.Data(data=reply.body)))
    return b"".join(part or b"" for part in [*sent, http.send(h11.EndOfMessage())])
