"""Receive the redirect at the end of a browser sign-in on this machine (RFC 8252, 7.3).

Any open web page and any program on this machine can send requests here. The listener accepts only a
navigation to the redirect path, with the right host and port and the state that only the authorization server
knows. It answers all other requests with an error and counts them. Bytes, connections, requests and time are
bounded.
"""

import contextlib
import errno
import hmac
import selectors
import socket
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl

import h11
import msgspec

from tarkpm.core.urls import RequestTarget
from tarkpm.errors import HostError, Refused, Unreachable

MAX_REQUEST: Final = 32 << 10
MAX_CONNECTIONS: Final = 8
MAX_STRANGE: Final = 1000
"""Unexpected requests after which the listener gives up."""
PATIENCE: Final = 10.0
"""Seconds for a connection to send its request."""
_TICK: Final = 1.0

_HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"connection", b"close"),
)
_PAGE: Final = "<!doctype html><meta charset=utf-8><title>tarkpm</title><p>{}</p>"
_ARRIVED: Final = "tarkpm has received the response. You can close this window and return to the terminal."
_REFUSED: Final = "You were not signed in. You can close this window and return to the terminal."
_STRANGE: Final = "Unexpected request."


class RedirectAnswer(msgspec.Struct, frozen=True):
    """The response of the authorization server: a code, or an error (RFC 6749, 4.1.2)."""

    code: str = ""
    error: str = ""
    description: str = ""


class _Strange(Exception):
    """An unexpected request, and the status of its response."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Visitor:
    """One connection and the request it has sent so far."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.until = time.monotonic() + PATIENCE
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_REQUEST)

    def hear(self) -> h11.Request | None:
        """Return the request once it is complete, else None. Raises `_Strange` and `OSError`."""
        data = self.socket.recv(MAX_REQUEST)
        try:
            self.http.receive_data(data)
            event = self.http.next_event()
        except h11.RemoteProtocolError:
            raise _Strange(400) from None
        if isinstance(event, h11.Request):
            return event
        if event is h11.NEED_DATA:
            return None
        raise ConnectionAbortedError

    def tell(self, status: int, text: str) -> None:
        """Respond and close, without waiting for a visitor that does not read."""
        body = _PAGE.format(text).encode()
        headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
        with contextlib.suppress(OSError, h11.ProtocolError):
            answer = h11.Response(status_code=status, headers=headers)
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.socket.sendall(self.http.send(event) or b"")
            self.socket.shutdown(socket.SHUT_WR)
        self.socket.close()


class Listener:
    """Listen for the browser at the port of ``redirect``; port 0 means any free port."""

    def __init__(self, redirect: RequestTarget) -> None:
        """Start to listen. Raises `HostError` if another program listens there."""
        self._redirect = redirect
        self._selector = selectors.DefaultSelector()
        self._visitors: list[_Visitor] = []
        self._strangers = 0
        self._listening: list[socket.socket] = []
        try:
            self.port = self._listen(redirect.host, redirect.port)
        except BaseException:
            self.close()
            raise
        host = f"[{redirect.host}]" if ":" in redirect.host else redirect.host
        self._authority = f"{host}:{self.port}"
        self.uri = f"http://{self._authority}{redirect.path}"

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, state: str, deadline: float, waiting: Callable[[int], None]) -> RedirectAnswer:
        """Wait for the response with this ``state``, then stop listening.

        Calls ``waiting`` with the seconds left about once a second. Raises `Unreachable` at the ``deadline``
        (of `time.monotonic`), and `Refused` after `MAX_STRANGE` unexpected requests.
        """
        try:
            return self._wait(state, deadline, waiting)
        finally:
            self.close()

    def close(self) -> None:
        """Stop listening and close all connections."""
        for listening in self._listening:
            listening.close()
        for visitor in self._visitors:
            visitor.socket.close()
        self._listening, self._visitors = [], []
        self._selector.close()

    def _wait(self, state: str, deadline: float, waiting: Callable[[int], None]) -> RedirectAnswer:
        while (left := deadline - time.monotonic()) > 0:
            waiting(round(left))
            for key, _ in self._selector.select(min(left, _TICK)):
                if key.data is None:
                    self._greet(key.fileobj)  # type: ignore[arg-type]  # we registered sockets
                elif (answer := self._serve(key.data, state)) is not None:
                    return answer
            for visitor in [one for one in self._visitors if one.until < time.monotonic()]:
                self._dismiss(visitor, 408)
        raise Unreachable("the browser sign-in was not completed in time", where=self.uri)

    def _listen(self, host: str, port: int) -> int:
        """Bind every address the browser may use; returns the port."""
        # Both addresses of localhost: a browser may use either, and another program could take the free one.
        for address in {"localhost": ("127.0.0.1", "::1")}.get(host, (host,)):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                listening = socket.create_server((address, port), family=family, backlog=MAX_CONNECTIONS)
            except OSError as problem:
                if self._listening and problem.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue  # this machine has no IPv6, so no other program can listen there either
                why = (
                    "another program is listening there"
                    if problem.errno == errno.EADDRINUSE
                    else problem.strerror
                )
                raise HostError(
                    f"cannot listen for the browser on port {port}: {why}",
                    hint="stop the other program, then try again",
                ) from None
            self._listening.append(listening)
            listening.setblocking(False)
            self._selector.register(listening, selectors.EVENT_READ)
            port = listening.getsockname()[1]
        return port

    def _greet(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            connection.setblocking(False)
            # The oldest is dismissed: waiting connections must not keep the browser out.
            if len(self._visitors) >= MAX_CONNECTIONS:
                self._dismiss(self._visitors[0], 503)
            visitor = _Visitor(connection)
            self._visitors.append(visitor)
            self._selector.register(connection, selectors.EVENT_READ, visitor)

    def _serve(self, visitor: _Visitor, state: str) -> RedirectAnswer | None:
        try:
            request = visitor.hear()
            if request is None:
                return None
            answer = self._read(request, state)
        except _Strange as strange:
            self._dismiss(visitor, strange.status)
            self._strangers += 1
            if self._strangers >= MAX_STRANGE:
                message = "too many unexpected requests arrived instead of the browser's response"
                raise Refused(message, where=self.uri) from None
            return None
        except OSError:
            self._forget(visitor)
            visitor.socket.close()
            return None
        self._forget(visitor)
        visitor.tell(200, _ARRIVED if answer.code else _REFUSED)
        return answer

    def _read(self, request: h11.Request, state: str) -> RedirectAnswer:
        """Return the response in a request; raises `_Strange` for an unexpected request."""
        path, _, query = request.target.decode("ascii", "replace").partition("?")
        if request.method != b"GET" or path != self._redirect.path:
            raise _Strange(404 if request.method == b"GET" else 405)
        headers = [(name.decode(), value.decode("latin-1").lower()) for name, value in request.headers]
        if [value for name, value in headers if name == "host"] != [self._authority]:
            raise _Strange(421)  # DNS rebinding: another name that resolves to this machine
        expected = {"origin": None, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
        if any(name in expected and expected[name] != value for name, value in headers):
            raise _Strange(403)  # sent by a script, image or frame of a page; the sign-in is a navigation
        return _answer(query, state)

    def _dismiss(self, visitor: _Visitor, status: int) -> None:
        self._forget(visitor)
        visitor.tell(status, _STRANGE)

    def _forget(self, visitor: _Visitor) -> None:
        self._visitors.remove(visitor)
        self._selector.unregister(visitor.socket)


def _answer(query: str, state: str) -> RedirectAnswer:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError:
        raise _Strange(400) from None
    values = dict(pairs)
    # A parameter must not occur twice (RFC 6749, 3.1). The state is compared in constant time, because any
    # local program can try many.
    if len(values) < len(pairs) or not hmac.compare_digest(values.get("state", "").encode(), state.encode()):
        raise _Strange(400)
    if error := values.get("error"):
        return RedirectAnswer(error=error, description=values.get("error_description", ""))
    if not values.get("code"):
        raise _Strange(400)
    return RedirectAnswer(code=values["code"])
