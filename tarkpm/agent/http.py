"""``tarkpm mcp --http``: the server as Streamable HTTP on loopback, for clients that cannot start a program.

Every page in a browser on this machine can send requests to loopback, and so can every user of it. The bearer
token keeps both out; the checks of Host and Origin keep out a page whose name resolves to loopback (DNS
rebinding) even if it knows the token.
"""

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from uvicorn.protocols.http.h11_impl import H11Protocol

from tarkpm.agent.server import AgentServer
from tarkpm.core.local_access import LoopbackAddress, has_token, is_addressed, is_of_another_page
from tarkpm.errors import HostError
from tarkpm.ops.mcp import Toolbox

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

PATH = "/mcp"
TOKEN_BYTES = 32
MAX_HEAD = 16 * 1024
"""Bytes of a request's line and headers. What arrived at once may be longer, up to one read of the socket."""

HEAD_SECONDS = 10.0
"""Until the first head of a connection must have arrived. Later ones are of a client with the token."""
MAX_CONNECTIONS = 256
"""At once. Each takes a descriptor, of which a process often has 1,024, and plugins need some."""
SESSION_SECONDS = 600.0
"""How long a session lasts without a request or an open stream. Its client then begins another one.

Clients that end seldom say so, and each session takes some 40 KB. The SDK keeps one for half an hour.
"""
MAX_SESSIONS = 2_000
"""At once; further ones are refused with 503 until others end."""


class _Bounded(H11Protocol):
    """HTTP/1.1 that other users of this machine cannot keep busy: uvicorn waits for a first head for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def _hang_up(self) -> None:
        cycle: object = self.cycle  # None until a request begins, which uvicorn's types do not say
        if cycle is None:
            self.transport.abort()


def serve(toolbox: Toolbox, host: str, port: int, tell: Callable[[str], None], given: str = "") -> None:
    """Serve on a loopback address until interrupted. ``tell`` gets the address and a new token, once.

    The user may have ``given`` a token, which is not shown. Port 0 takes a free port. Raises `HostError` if
    the port is in use.
    """
    with _listening(host, port) as listener:
        address = LoopbackAddress(host, listener.getsockname()[1])
        token = given or secrets.token_urlsafe(TOKEN_BYTES)
        # `guarded` has checked Host and Origin, on every path and before anything is read.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        app = AgentServer(toolbox).streamable_http_app(
            streamable_http_path=PATH,
            host=host,
            transport_security=security,
            session_idle_timeout=SESSION_SECONDS,
            max_sessions=MAX_SESSIONS,
        )
        tell(f"serving at http://{address.shown_host}:{address.port}{PATH}")
        if not given:
            tell(f"clients send this header: Authorization: Bearer {token}")
        uvicorn.Server(configured(guarded(app, address, token))).run(sockets=[listener])


def configured(app: _App) -> uvicorn.Config:
    """Return how an application is served: HTTP/1.1 only, headers of at most `MAX_HEAD` bytes."""
    return uvicorn.Config(
        app,
        http=_Bounded,  # h11: the same parser on every machine, whatever else is installed
        ws="none",  # MCP has no web sockets
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=MAX_HEAD,
    )


def guarded(app: _App, address: LoopbackAddress, token: str) -> _App:
    """Return an application that answers only requests to ``address``, of no web page, with the token.

    Nothing of a body is read before that, and no path or method is exempt.
    """

    async def check(scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        refusal = _refusal(scope, address, token)
        if refusal is None:
            await app(scope, receive, send)
            return
        status, text = refusal
        headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))  # RFC 6750, section 3
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": f"{text}\n".encode()})

    return check


def _refusal(scope: _Scope, address: LoopbackAddress, token: str) -> tuple[int, str] | None:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    # The token comes last: nobody else learns whether it is right.
    if scope["type"] != "http" or not is_addressed(headers, address):
        return 421, "expected this server in the Host header"
    if is_of_another_page(headers, address):
        return 403, "requests of web pages are refused"
    if not has_token(headers, token):
        return 401, "expected the bearer token that tarkpm showed"
    return None


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as problem:
        listener.close()
        message = (problem.strerror or str(problem)).lower()
        raise HostError(message, where=f"{host}:{port}", hint="tarkpm mcp --http") from None
    return listener
