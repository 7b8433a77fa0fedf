"""``tarkpm mcp --http``: the server as Streamable HTTP on loopback, for clients that cannot start a program.

Every page in a browser on this machine can send requests to loopback, and so can every user of it. The bearer
token keeps both out; the checks of Host and Origin keep out a page whose name resolves to loopback (DNS
rebinding) even if it knows the token.
"""

import hmac
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from tarkpm.agent.server import AgentServer
from tarkpm.errors import HostError
from tarkpm.ops.mcp import Toolbox

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

PATH = "/mcp"
TOKEN_BYTES = 32


def serve(toolbox: Toolbox, host: str, port: int, tell: Callable[[str], None], given: str = "") -> None:
    """Serve on a loopback address until interrupted. ``tell`` gets the address and a new token, once.

    The user may have ``given`` a token, which is not shown. Port 0 takes a free port. Raises `HostError` if
    the port is in use.
    """
    with _listening(host, port) as listener:
        port = listener.getsockname()[1]
        token = given or secrets.token_urlsafe(TOKEN_BYTES)
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        names = [shown, f"localhost:{port}"]
        security = TransportSecuritySettings(
            allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
        )
        app = AgentServer(toolbox).streamable_http_app(
            streamable_http_path=PATH, host=host, transport_security=security
        )
        config = uvicorn.Config(
            guarded(app, token), log_level="warning", access_log=False, timeout_graceful_shutdown=2
        )
        tell(f"serving at http://{shown}{PATH}")
        if not given:
            tell(f"clients send this header: Authorization: Bearer {token}")
        uvicorn.Server(config).run(sockets=[listener])


def guarded(app: _App, token: str) -> _App:
    """Return an application that answers only requests with the bearer token (RFC 6750, section 2.1)."""
    expected = f"Bearer {token}".encode()

    async def check(scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        given = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
        # In constant time, or the token could be guessed character by character.
        if scope["type"] == "http" and len(given) == 1 and hmac.compare_digest(given[0], expected):
            await app(scope, receive, send)
            return
        if scope["type"] != "http":  # a web socket is closed before it is accepted
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b"expected the bearer token that tarkpm showed\n"})

    return check


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
