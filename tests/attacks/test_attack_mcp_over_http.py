"""Attack: reach `tarkpm mcp --http` from a web page, or as another program of this machine without the token.

Real bytes to the real HTTP server; behind the guard is an application that notes what passed.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tarkpm.core.agent.address import loopback
from tarkpm.core.local_access import LoopbackAddress

pytest.importorskip("mcp")

import uvicorn

from tarkpm.agent import http
from tarkpm.agent.http import MAX_HEAD, configured, guarded

TOKEN = "a-token-of-43-characters-0123456789-abcdefg"
RIGHT = f"Authorization: Bearer {TOKEN}"


class Guarded(NamedTuple):
    """The server: its address, and the paths of requests that passed the guard."""

    family: int
    host: str
    port: int
    passed: list[str]

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def send(self, *lines: str, first: str = "POST /mcp HTTP/1.1", body: bytes = b"") -> int:
        """Send a request; returns its status, 0 if the server closed the connection without one."""
        with socket.socket(self.family) as client:
            client.settimeout(5)
            client.connect((self.host, self.port))
            with contextlib.suppress(ConnectionError):
                client.sendall("\r\n".join([first, *lines, "", ""]).encode("latin-1") + body)
            try:
                head = client.recv(4096)
            except ConnectionError:
                return 0
            return int(head.split()[1]) if head else 0


@pytest.fixture(scope="module", params=["127.0.0.1", "::1"])
def server(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    host = request.param
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    passed: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        listener.listen()
        port = listener.getsockname()[1]
        config = configured(guarded(app, LoopbackAddress(host, port), TOKEN))
        config.lifespan = "off"
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield Guarded(family, host, port, passed)
        running.should_exit = True
        thread.join(10)


@pytest.fixture
def guard(server: Guarded) -> Iterator[Guarded]:
    """The server, which must still answer the right client afterwards."""
    server.passed.clear()
    yield server
    server.passed.clear()
    assert server.send(f"Host: {server.authority}", RIGHT) == 204
    assert server.passed == ["/mcp"]


def test_the_right_client_is_answered(guard: Guarded) -> None:
    for more in ([], [f"Origin: http://{guard.authority}"], ["Sec-Fetch-Site: same-origin"]):
        assert guard.send(f"Host: {guard.authority}", RIGHT, *more) == 204
    assert guard.send(f"Host: LOCALHOST:{guard.port}", RIGHT.replace("Bearer", "bearer")) == 204


@pytest.mark.parametrize("path", ["/mcp", "/", "/mcp/", "//mcp", "/.well-known/oauth-protected-resource"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
def test_no_path_or_method_goes_without_the_token(guard: Guarded, method: str, path: str) -> None:
    assert guard.send(f"Host: {guard.authority}", first=f"{method} {path} HTTP/1.1") == 401
    assert guard.passed == []


@pytest.mark.parametrize(
    "lines",
    [
        ["Authorization: Bearer"],
        [RIGHT[:-1]],
        [f"{RIGHT}x"],
        [RIGHT.replace("Bearer ", "Basic ")],
        [RIGHT.replace("Bearer ", "")],
        [RIGHT, RIGHT],
        [RIGHT, "Authorization: Bearer x"],
        [f"{RIGHT}, Bearer x"],
        [RIGHT.replace(TOKEN, TOKEN.upper())],
        ["Authorization: Bearer \xe9\xff"],
        [f"Cookie: token={TOKEN}"],
        [f"Mcp-Session-Id: {TOKEN}"],
        [f"Proxy-{RIGHT}"],
    ],
    ids=str,
)
def test_another_token(guard: Guarded, lines: list[str]) -> None:
    assert guard.send(f"Host: {guard.authority}", *lines) == 401
    assert guard.passed == []


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example:{port}",
        "localhost",
        "localhost:1",
        "localhost.:{port}",
        "127.0.0.1:{port}.evil.example",
        "127.0.0.2:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "0.0.0.0:{port}",
        "[::]:{port}",
        "::1:{port}",
        "[0:0:0:0:0:0:0:1]:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "[::1%25lo]:{port}",
        "user@localhost:{port}",
        "",
    ],
)
def test_another_host(guard: Guarded, host: str) -> None:
    """A page whose name resolves to loopback: the browser sends the page's name, and the token if it has it."""
    assert guard.send(f"Host: {host.format(port=guard.port)}", RIGHT) in (400, 421)
    assert guard.passed == []


def test_no_host_and_two(guard: Guarded) -> None:
    assert guard.send(RIGHT) == 400  # RFC 9112, section 3.2
    assert guard.send(RIGHT, first="POST /mcp HTTP/1.0") == 421
    assert guard.send(f"Host: {guard.authority}", "Host: evil.example", RIGHT) == 400
    forwarded = ("X-Forwarded-Host", "Forwarded: host")
    assert guard.send("Host: evil.example", *(f"{one}: {guard.authority}" for one in forwarded), RIGHT) == 421
    absolute = f"POST http://{guard.authority}/mcp HTTP/1.1"
    assert guard.send("Host: evil.example", RIGHT, first=absolute) == 421
    assert guard.passed == []


@pytest.mark.parametrize(
    "lines",
    [
        ["Origin: null"],
        ["Origin:"],
        ["Origin: https://evil.example"],
        ["Origin: https://{authority}"],
        ["Origin: http://{authority}.evil.example"],
        ["Origin: http://{authority}", "Origin: https://evil.example"],
        ["Origin: http://localhost:1"],
        ["Sec-Fetch-Site: cross-site"],
        ["Sec-Fetch-Site: same-site"],
        ["Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"],
    ],
    ids=str,
)
def test_a_web_page(guard: Guarded, lines: list[str]) -> None:
    sent = [line.format(authority=guard.authority) for line in lines]
    assert guard.send(f"Host: {guard.authority}", *sent, RIGHT) == 403
    preflight = "OPTIONS /mcp HTTP/1.1"
    assert guard.send(f"Host: {guard.authority}", *sent, first=preflight) == 403
    assert guard.passed == []


def test_bodies_of_strangers_are_not_read(guard: Guarded) -> None:
    """Chunked, endless, and of two lengths at once: each is answered by its head, and closed."""
    host = f"Host: {guard.authority}"
    chunked = "Transfer-Encoding: chunked"
    assert guard.send(host, chunked, body=b"5\r\nhello\r\n") == 401
    assert guard.send(host, "Content-Length: 99999999999", body=b"x" * 100_000) == 401
    assert guard.send(host, chunked, "Content-Length: 5", body=b"0\r\n\r\n") in (400, 401)
    assert guard.send(host, RIGHT, "Content-Length: 5", "Content-Length: 6", body=b"hello") == 400
    smuggled = f"POST /mcp HTTP/1.1\r\n{host}\r\n{RIGHT}\r\n\r\n".encode()
    assert guard.send(host, "Content-Length: 0", body=smuggled) == 401
    assert guard.passed == []


def test_large_and_broken_heads(guard: Guarded) -> None:
    host = f"Host: {guard.authority}"
    assert guard.send(host, RIGHT, f"X: {'x' * MAX_HEAD * 20}") in (0, 400, 431)
    assert guard.send(host, RIGHT, *(f"X-{n}: {'x' * 50}" for n in range(5000))) in (0, 400, 431)
    assert guard.send(host, RIGHT, "X : y") == 400
    assert guard.send(host, RIGHT, " folded: y", "no colon") == 400
    assert guard.send(host, "Upgrade: websocket", "Connection: Upgrade", first="GET /mcp HTTP/1.1") == 401
    assert guard.send(first="PRI * HTTP/2.0") in (0, 400, 421)
    assert guard.passed == []


@pytest.mark.parametrize("sent", [b"", b"POST /mcp HTTP/1.1\r\nX: y\r\n"])
def test_a_head_without_end(guard: Guarded, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """Other users of the machine cannot hold connections, each of which takes a descriptor of the server."""
    monkeypatch.setattr(http, "HEAD_SECONDS", 0.2)
    with socket.create_connection((guard.host, guard.port), 5) as client:
        client.sendall(sent)
        assert hangs_up(client)


def test_more_connections_than_there_is_room_for(guard: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 8)
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((guard.host, guard.port), 5)) for _ in range(9)
        ]
        assert hangs_up(clients[-1])
        clients[0].settimeout(0.1)
        with pytest.raises(TimeoutError):  # the earlier ones stay
            clients[0].recv(1)


def hangs_up(client: socket.socket) -> bool:
    """Whether the server closes a connection without a word."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("text", ["[0:0:0:0:0:0:0:1]:80", "[::1]:80", "[0::1]:80"])
def test_an_address_is_spelled_as_clients_do(text: str) -> None:
    assert loopback(text) == ("::1", 80)


@pytest.mark.parametrize("text", ["[::1%lo]", "127.1", "[::]", "0.0.0.0", "::1", "[::1", "127.0.0.1:1:2"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        loopback(text)
