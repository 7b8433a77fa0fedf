"""WebSockets: the handshake carries the secret to its host, and no message, reason or error brings it back."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
from host.imports.conftest import Names
from host.imports.web import Asked, Script, Web, redirect
from support.secret_fixtures import AUTHORIZATION, VALUE, HolderOf, spellings
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve


class Talker:
    """A server that says what a test wrote, in the messages and the reason of its end."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.headers: list[dict[str, str]] = []
        self.says: list[str | bytes | list[str]] = []
        self.reason = ""
        self._server = serve(
            self._handle,
            "127.0.0.1",
            0,
            ssl=tls,
            compression=None,
            close_timeout=0.2,
            process_request=self._note,
        )
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _note(self, _: ServerConnection, request: Request) -> Response | None:
        self.headers.append({name.lower(): value for name, value in request.headers.raw_items()})
        return None

    def _handle(self, connection: ServerConnection) -> None:
        for message in self.says:
            connection.send(message)
        connection.close(4001, self.reason)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.fixture
def talker(tls_context: Callable[[], ssl.SSLContext]) -> Iterator[Talker]:
    server = Talker(tls_context())
    yield server
    server.close()


def test_the_handshake_has_it(holder_of: HolderOf, talker: Talker) -> None:
    scope = f"localhost:{talker.port}"
    plugin = holder_of(scope, to=scope)
    assert plugin.ws("connect", f"wss://{scope}/", [("X-Other", "mine")]) == {"ok": 1}
    assert talker.headers[0]["authorization"] == AUTHORIZATION
    assert talker.headers[0]["x-other"] == "mine"


@pytest.mark.parametrize("how", sorted(spellings()))
def test_in_messages_and_the_reason(holder_of: HolderOf, talker: Talker, how: str) -> None:
    spelled = spellings()[how]
    middle = len(spelled) // 2
    talker.says = [f"<{spelled}>", [f"<{spelled[:middle]}", f"{spelled[middle:]}>"]]
    talker.reason = spelled[:120]
    scope = f"localhost:{talker.port}"
    plugin = holder_of(scope, to=scope)
    assert plugin.ws("connect", f"wss://{scope}/", []) == {"ok": 1}
    for _ in range(2):  # the second is in two frames
        message = plugin.ws("recv", 1, 5000, 1 << 40)["ok"]["message"]
        assert (message[0], message[-1], len(message)) == ("<", ">", len(spelled) + 2)
    if len(spelled) <= 120:
        assert plugin.ws("recv", 1, 5000, 1 << 40)["ok"]["error"].startswith("close:4001 ")


def test_another_host_port_or_scheme(
    holder_of: HolderOf, talker: Talker, resolver: Names, tls_context: Callable[[], ssl.SSLContext]
) -> None:
    resolver["sub.api.test"] = resolver["api.test"] = ["127.0.0.1"]
    plain = Talker(None)
    try:
        scopes = [
            f"localhost:{talker.port}",
            f"private:sub.api.test:{talker.port}",
            f"localhost:{plain.port}",
        ]
        plugin = holder_of(
            *scopes, to=f"api.test:{talker.port}", key=f"github to localhost:{plain.port} as x-key: {{}}"
        )
        assert "ok" in plugin.ws("connect", f"wss://localhost:{talker.port}/", [])
        assert "ok" in plugin.ws("connect", f"wss://sub.api.test:{talker.port}/", [])
        assert "ok" in plugin.ws("connect", f"ws://localhost:{plain.port}/", [])
        for headers in (*talker.headers, *plain.headers):
            assert not {"authorization", "x-key"} & {*headers}
        assert plugin.reads == []
    finally:
        plain.close()


def test_a_plugin_that_sets_the_header_itself(holder_of: HolderOf, talker: Talker) -> None:
    scope = f"localhost:{talker.port}"
    plugin = holder_of(scope, to=scope)
    error = plugin.ws("connect", f"wss://{scope}/", [("Authorization", "Bot mine")])["err"]
    assert error["message"] == f"https://{scope}: the header 'authorization' is set by tarkpm"
    assert (talker.headers, plugin.reads) == ([], [])


def test_a_redirect_is_not_followed(holder_of: HolderOf, api: Web, other: Web) -> None:
    api.pages["/"] = redirect(f"https://localhost:{other.port}/")
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, f"localhost:{other.port}", to=scope)
    message = plugin.ws("connect", f"wss://{scope}/", [])["err"]["message"]
    assert message == f"https://{scope}: answered with status 302, and redirects are not followed"
    assert other.connections == 0


def refused(line: str) -> Script:
    def answer(_: Asked, connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 101 Switching\r\n{line}\r\n\r\n".encode())

    return answer


@pytest.mark.parametrize("at", [0, 60, 90, 110])
@pytest.mark.parametrize("name", ["Upgrade", "Connection", "Sec-WebSocket-Accept", "nothing"])
def test_in_a_failed_handshake(holder_of: HolderOf, api: Web, name: str, at: int) -> None:
    spelled = "x" * at + VALUE
    line = f"{name}: {spelled}" if name != "nothing" else spelled
    api.pages["/"] = refused(line)
    scope = f"localhost:{api.port}"
    assert "err" in holder_of(scope, to=scope).ws("connect", f"wss://{scope}/", [])
