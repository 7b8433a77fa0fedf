"""ws: connections to granted hosts, and servers that mean harm."""

import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.http11 import Request
from websockets.sync.server import ServerConnection, serve

from host.imports.conftest import Names, _tls
from tarkpm.core.capability import CapabilitySet
from tarkpm.host.imports import ws
from tarkpm.host.imports.ws import MAX_GIVEN, MAX_MESSAGE, MAX_OPEN, Sockets
from tarkpm.io.http_request import USUAL, RequestLimits
from tarkpm.io.proxies import DIRECT, Proxies

NOTHING = {"ok": {"message": None, "closed": False, "error": None}}
DONE = {"ok": None}


class Plugin:
    """What a plugin with these grants can do with sockets."""

    def __init__(self, scopes: list[str], authorities: str, limits: RequestLimits, proxies: Proxies) -> None:
        self.reports: list[str] = []
        granted = CapabilitySet.from_table({"http": scopes})
        self.sockets = Sockets(
            granted, self.reports.append, authorities=authorities, limits=limits, proxies=proxies
        )

    def _call(self, function: str, *args: Any, seconds: float = 10.0) -> Any:
        return self.sockets.call(function, args, time.monotonic() + seconds)

    def connect(self, url: str, *headers: tuple[str, str], seconds: float = 10.0) -> Any:
        return self._call("connect", url, list(headers), seconds=seconds)

    def send(self, handle: int, text: str) -> Any:
        return self._call("send", handle, text)

    def recv(self, handle: int, milliseconds: int = 5000, most: int = 1 << 40, seconds: float = 10.0) -> Any:
        return self._call("recv", handle, milliseconds, most, seconds=seconds)

    def close(self, handle: int) -> Any:
        return self._call("close", handle)

    def message(self, handle: int) -> str | None:
        answer = self.recv(handle)
        assert answer["ok"]["error"] is None, answer
        text: str | None = answer["ok"]["message"]
        return text


PluginOf = Callable[..., Plugin]


@pytest.fixture
def plugin_of(authority: tuple[Path, Path]) -> Iterator[PluginOf]:
    made: list[Plugin] = []

    def make(*scopes: str, limits: RequestLimits = USUAL, proxies: Proxies = DIRECT) -> Plugin:
        made.append(Plugin(list(scopes), str(authority[0]), limits, proxies))
        return made[-1]

    yield make
    for plugin in made:
        plugin.sockets.close()


class Real:
    """A server made with the library's other half: it echoes, and does what some messages ask."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.headers: list[dict[str, str]] = []
        self.closed = threading.Event()
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

    def _note(self, _: ServerConnection, request: Request) -> None:
        self.headers.append({name.lower(): value for name, value in request.headers.raw_items()})

    def _handle(self, connection: ServerConnection) -> None:
        try:
            for message in connection:
                match str(message).split():
                    case ["big", count]:
                        connection.send("x" * int(count))
                    case ["fragments"]:
                        connection.send(["a", "b", "c"])
                    case ["binary"]:
                        connection.send(b"\x00")
                        connection.send("after")
                    case ["ping"]:
                        pong = connection.ping()
                        connection.send("pinged")
                        connection.send("ponged" if pong.wait(5) else "no pong")
                    case ["bye"]:
                        connection.close(4004, "go\x1b[2Jaway")
                    case _:
                        connection.send(message)
        finally:
            self.closed.set()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.fixture
def real() -> Iterator[Real]:
    server = Real()
    yield server
    server.close()


@pytest.fixture
def secure_ws(authority: tuple[Path, Path]) -> Iterator[Real]:
    server = Real(_tls(authority))
    yield server
    server.close()


def opened(plugin: Plugin, server: Real, scheme: str = "ws", host: str = "127.0.0.1") -> int:
    answer = plugin.connect(f"{scheme}://{host}:{server.port}/?v=10&encoding=json")
    assert "ok" in answer, answer
    handle: int = answer["ok"]
    return handle


def test_a_conversation_over_tls(plugin_of: PluginOf, secure_ws: Real, names: Names) -> None:
    names["a.test"] = ["127.0.0.1"]
    plugin = plugin_of(f"private:a.test:{secure_ws.port}")
    answer = plugin.connect(f"wss://a.test:{secure_ws.port}/gateway", ("Authorization", "Bot x"))
    assert answer == {"ok": 1}
    assert secure_ws.headers[0]["authorization"] == "Bot x"
    assert secure_ws.headers[0]["host"] == f"a.test:{secure_ws.port}"
    assert "sec-websocket-extensions" not in secure_ws.headers[0]
    assert plugin.send(1, "hällo") == DONE
    assert plugin.message(1) == "hällo"
    assert plugin.close(1) == DONE
    assert secure_ws.closed.wait(5)
    gone = {"err": {"message": "no connection has this handle", "denied": False}}
    assert plugin.recv(1) == plugin.send(1, "x") == plugin.close(1) == gone
    assert plugin.connect(f"wss://a.test:{secure_ws.port}/") == {"ok": 2}


def test_nothing_to_hear_is_no_error(plugin_of: PluginOf, real: Real) -> None:
    plugin = plugin_of(f"127.0.0.1:{real.port}")
    handle = opened(plugin, real)
    assert plugin.recv(handle, 0) == NOTHING
    assert plugin.recv(handle, 50) == NOTHING
    plugin.send(handle, "x")
    assert plugin.message(handle) == "x"


def test_fragments_pings_and_binary(plugin_of: PluginOf, real: Real) -> None:
    plugin = plugin_of(f"127.0.0.1:{real.port}")
    handle = opened(plugin, real)
    plugin.send(handle, "fragments")
    assert plugin.message(handle) == "abc"
    plugin.send(handle, "binary")
    assert plugin.message(handle) == "after"
    plugin.send(handle, "ping")
    assert plugin.message(handle) == "pinged"
    assert plugin.message(handle) == "ponged"


def test_long_messages_are_dropped_and_endless_ones_end_the_connection(
    plugin_of: PluginOf, real: Real
) -> None:
    plugin = plugin_of(f"127.0.0.1:{real.port}")
    handle = opened(plugin, real)
    too_large = {"ok": {"message": None, "closed": False, "error": "message_too_large"}}
    plugin.send(handle, f"big {MAX_GIVEN}")
    assert plugin.message(handle) == "x" * MAX_GIVEN
    plugin.send(handle, f"big {MAX_GIVEN + 1}")
    assert plugin.recv(handle) == too_large
    plugin.send(handle, "big 11")
    assert plugin.recv(handle, most=10) == too_large
    plugin.send(handle, "again")
    assert plugin.message(handle) == "again"
    plugin.send(handle, f"big {MAX_MESSAGE + 1}")
    ended = plugin.recv(handle)["ok"]
    assert ended["closed"]
    assert "limit of 1048576 bytes" in ended["error"]
    assert plugin.send(handle, "x")["err"]["message"].startswith("the connection is closed: ")
    assert (
        plugin.send(handle, "x" * (ws.MAX_SENT + 1))["err"]["message"] == "the message is larger than 1 MiB"
    )


def test_a_close_is_told_with_its_reason_made_harmless(plugin_of: PluginOf, real: Real) -> None:
    plugin = plugin_of(f"127.0.0.1:{real.port}")
    handle = opened(plugin, real)
    plugin.send(handle, "bye")
    closed = {"ok": {"message": None, "closed": True, "error": "close:4004 go\\x1b[2Jaway"}}
    assert plugin.recv(handle) == closed
    assert plugin.recv(handle) == closed
    assert plugin.close(handle) == DONE


def test_there_is_a_limit_to_open_connections_and_closed_ones_do_not_count(
    plugin_of: PluginOf, real: Real
) -> None:
    plugin = plugin_of(f"127.0.0.1:{real.port}")
    handles = [opened(plugin, real) for _ in range(MAX_OPEN)]
    url = f"ws://127.0.0.1:{real.port}/"
    full = {"err": {"message": f"{MAX_OPEN} connections are open, which is the limit", "denied": False}}
    assert plugin.connect(url) == full
    plugin.send(handles[3], "bye")
    assert plugin.recv(handles[3])["ok"]["closed"]
    assert plugin.connect(url) == {"ok": MAX_OPEN + 1}
    assert plugin.connect(url) == full


def test_closing_the_interface_ends_all(plugin_of: PluginOf, real: Real) -> None:
    plugin = plugin_of(f"127.0.0.1:{real.port}")
    handle = opened(plugin, real)
    plugin.sockets.close()
    assert real.closed.wait(5)
    assert plugin.recv(handle)["err"]["message"] == "no connection has this handle"


def denied(answer: Any, *texts: str) -> None:
    assert answer["err"]["denied"], answer
    for text in texts:
        assert text in answer["err"]["message"]


def refused(answer: Any, *texts: str) -> None:
    assert not answer["err"]["denied"], answer
    for text in texts:
        assert text in answer["err"]["message"], answer


def test_hosts_are_granted_as_for_http(
    plugin_of: PluginOf, secure_ws: Real, names: Names, connected: list[str]
) -> None:
    plugin = plugin_of(f"a.test:{secure_ws.port}", f"*.wild.test:{secure_ws.port}")
    denied(plugin.connect(f"wss://b.test:{secure_ws.port}/"), "is not granted to this plugin")
    denied(plugin.connect("wss://a.test/"), "is not granted to this plugin")
    assert plugin.reports[0] == f"asked for https://b.test:{secure_ws.port}, which is not granted"
    for address in ("127.0.0.1", "10.0.0.8", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1"):
        names["a.test"] = [address]
        denied(plugin.connect(f"wss://a.test:{secure_ws.port}/"), "address, which is not granted")
    assert connected == []


def test_the_address_that_was_checked_is_the_one_connected_to(
    plugin_of: PluginOf, secure_ws: Real, names: Names, connected: list[str]
) -> None:
    names.answers["a.test"] = [["93.184.216.34"], ["127.0.0.1"]]  # a name that changes its mind
    plugin = plugin_of(f"a.test:{secure_ws.port}")
    refused(plugin.connect(f"wss://a.test:{secure_ws.port}/"), "cannot connect")
    assert connected == ["93.184.216.34"]
    assert names.looked_up == ["a.test"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://127.0.0.1/", "expected a URL like wss://host/path"),
        ("ws://example.com/", "ws is neither encrypted nor authenticated; use wss"),
        ("wss://user:secret@127.0.0.1/", "a user name or password is not accepted"),
        ("wss://127.0.0.1/#x", "fragment"),
        ("wss://127.0.0.1/\r\nX: y", "invisible character"),
        ("wss:///x", "expected a host"),
        ("wss://127.1/", "expected a host name"),
        ("wss://127.0.0.1\\@evil/", "backslash"),
        ("unix:///run/x", "expected a URL like wss://host/path"),
    ],
)
def test_urls_are_read_as_for_http(plugin_of: PluginOf, url: str, says: str) -> None:
    refused(plugin_of("127.0.0.1", "example.com").connect(url), says)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (("Host", "x"), "the header 'host' is set by tarkpm"),
        (("Upgrade", "h2c"), "the header 'upgrade' is set by tarkpm"),
        (("Connection", "close"), "the header 'connection' is set by tarkpm"),
        (("Sec-WebSocket-Extensions", "permessage-deflate"), "'sec-websocket-…' are set by tarkpm"),
        (("Sec-WebSocket-Key", "x"), "'sec-websocket-…' are set by tarkpm"),
        (("X", "a\r\nY: b"), "expected printable ASCII in the header 'x'"),
    ],
)
def test_headers_are_checked_as_for_http(
    plugin_of: PluginOf, real: Real, header: tuple[str, str], says: str
) -> None:
    plugin = plugin_of(f"127.0.0.1:{real.port}")
    refused(plugin.connect(f"ws://127.0.0.1:{real.port}/", header), says)
    assert real.headers == []


def test_a_certificate_that_is_not_valid_is_refused(
    plugin_of: PluginOf, secure_ws: Real, names: Names
) -> None:
    names["c.test"] = ["127.0.0.1"]
    plugin = plugin_of(f"private:c.test:{secure_ws.port}")
    refused(plugin.connect(f"wss://c.test:{secure_ws.port}/"), "the certificate is not valid for this host")


class Hostile:
    """A server that speaks bytes: ``talk`` has the connection once the request was read."""

    def __init__(self, talk: Callable[[socket.socket, str], None]) -> None:
        self._talk = talk
        self._stop = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with self._listening:
            connection, _ = self._listening.accept()
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(4096)
            key = next(
                line.split(b": ")[1]
                for line in request.split(b"\r\n")
                if line.lower().startswith(b"sec-websocket-key")
            )
            accept = base64.b64encode(
                hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            ).decode()
            with contextlib.suppress(OSError):
                self._talk(connection, accept)

    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"


def hello(accept: str, *extra: str) -> bytes:
    lines = [
        "HTTP/1.1 101 Switching",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
    ]
    return "\r\n".join([*lines, *extra, "", ""]).encode()


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    return (
        head
        + (
            b"\x7e" + struct.pack(">H", len(data))
            if len(data) < 1 << 16
            else b"\x7f" + struct.pack(">Q", len(data))
        )
        + data
    )


def forever(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)


def against(
    plugin_of: PluginOf, talk: Callable[[socket.socket, str], None], **limits: float
) -> tuple[Plugin, Any]:
    server = Hostile(talk)
    plugin = plugin_of(f"127.0.0.1:{server.port}", limits=RequestLimits(**limits) if limits else USUAL)  # type: ignore[arg-type]
    return plugin, plugin.connect(server.url(), seconds=2)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "status 302, and redirects are not followed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "answered with status 200"),
        (b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "the WebSocket handshake failed"),
        (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", "the WebSocket handshake failed"),
        (b"SSH-2.0-OpenSSH\r\n", "the response is not valid HTTP"),
        (b"", "the response is not valid HTTP"),
    ],
)  # fmt: skip
def test_what_is_no_handshake_is_refused(plugin_of: PluginOf, answer: bytes, says: str) -> None:
    refused(against(plugin_of, lambda connection, _: connection.sendall(answer))[1], says)


def test_an_extension_nobody_asked_for_is_refused(plugin_of: PluginOf) -> None:
    def talk(connection: socket.socket, accept: str) -> None:
        connection.sendall(hello(accept, "Sec-WebSocket-Extensions: permessage-deflate"))

    refused(against(plugin_of, talk)[1], "the WebSocket handshake failed: no extensions supported")


def test_a_server_that_never_answers_is_left(plugin_of: PluginOf) -> None:
    start = time.monotonic()

    def talk(connection: socket.socket, _: str) -> None:
        connection.recv(1)

    answer = against(plugin_of, talk, total=0.3)[1]
    refused(answer, "the server did not respond in time")
    assert time.monotonic() - start < 5


def test_a_handshake_that_drips_is_left(plugin_of: PluginOf) -> None:
    def talk(connection: socket.socket, accept: str) -> None:
        for byte in hello(accept):
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    refused(against(plugin_of, talk, total=0.4)[1], "the server did not respond in time")


HARM: dict[str, tuple[bytes, bytes, str | None]] = {
    # first bytes, bytes for ever after, what the connection ends with (None: it goes on)
    "a compressed bomb": (frame(1, b"\x00" * 100, rsv=0x40), b"", "reserved bits must be 0"),
    "endless fragments": (
        frame(1, b"x" * 60000, fin=False),
        frame(0, b"x" * 60000, fin=False),
        "limit of 1048576 bytes",
    ),
    "a frame of 2^62 bytes": (
        b"\x81\x7f" + struct.pack(">Q", 1 << 62),
        b"x" * 60000,
        "limit of 1048576 bytes",
    ),
    "endless empty fragments": (frame(1, b"", fin=False), frame(0, b"", fin=False) * 1000, None),
    "endless pings": (b"", frame(9, b"p" * 125) * 50, None),
    "endless binary messages": (b"", frame(2, b"x" * 60000), None),
    "a masked frame": (b"\x81\x81\x00\x00\x00\x00x", b"", "incorrect masking"),
    "an unknown opcode": (frame(3, b"x"), b"", "invalid opcode"),
    "half a frame": (b"\x81\x7e", b"", "stream ends after 0 bytes"),
}


@pytest.mark.parametrize("kind", HARM)
def test_hostile_frames_end_in_one_answer(plugin_of: PluginOf, kind: str) -> None:
    first, after, ends = HARM[kind]

    def talk(connection: socket.socket, accept: str) -> None:
        connection.sendall(hello(accept) + first)
        if after:
            forever(connection, after)

    plugin, answer = against(plugin_of, talk)
    handle = answer["ok"]
    start = time.monotonic()
    heard = plugin.recv(handle, 300 if ends is None else 5000)["ok"]
    assert time.monotonic() - start < 4
    assert heard["message"] is None
    if ends is None:
        assert (
            not heard["closed"] or "connection broke" in heard["error"] or "respond in time" in heard["error"]
        ), heard
    else:
        assert heard["closed"]
        assert ends in heard["error"]
    assert plugin.close(handle) == DONE


def test_a_drip_takes_no_longer_than_was_waited_for(plugin_of: PluginOf) -> None:
    def talk(connection: socket.socket, accept: str) -> None:
        connection.sendall(hello(accept) + b"\x81\x7e\x10\x00")
        while True:
            connection.sendall(b"x")
            time.sleep(0.01)

    plugin, answer = against(plugin_of, talk)
    start = time.monotonic()
    assert plugin.recv(answer["ok"], 200) == NOTHING
    assert plugin.recv(answer["ok"], 10**15, seconds=0.2) == NOTHING
    assert time.monotonic() - start < 5


def test_a_server_that_does_not_read_cannot_hold_a_sender(
    plugin_of: PluginOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws, "PATIENCE", 0.3)

    def talk(connection: socket.socket, accept: str) -> None:
        connection.sendall(hello(accept))
        time.sleep(5)

    plugin, answer = against(plugin_of, talk)
    start = time.monotonic()
    answers = [plugin.send(answer["ok"], "x" * 1_000_000) for _ in range(20)]
    assert time.monotonic() - start < 4
    assert (
        "the server did not respond in time" in answers[-1]["err"]["message"]
        or "is closed" in answers[-1]["err"]["message"]
    )


def test_a_proxy_is_used_as_for_http(
    plugin_of: PluginOf, authority: tuple[Path, Path], secure_ws: Real
) -> None:
    asked: list[bytes] = []

    def proxy(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client, socket.create_connection(("127.0.0.1", secure_ws.port)) as upstream:
            asked.append(client.recv(4096).split(b"\r\n")[0])
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            pump = threading.Thread(target=_pump, args=(upstream, client), daemon=True)
            pump.start()
            _pump(client, upstream)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=proxy, args=(listening,), daemon=True).start()
        plugin = plugin_of(
            f"a.test:{secure_ws.port}",
            proxies=Proxies(https=f"http://127.0.0.1:{listening.getsockname()[1]}"),
        )
        answer = plugin.connect(f"wss://a.test:{secure_ws.port}/")
        assert answer == {"ok": 1}
        plugin.send(1, "through")
        assert plugin.message(1) == "through"
    assert asked == [f"CONNECT a.test:{secure_ws.port} HTTP/1.1".encode()]


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            sink.sendall(data)
