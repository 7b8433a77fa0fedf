"""http: bodies that are too long, too slow, bombs, broken, or in some charset."""

import gzip
import os
import socket
import time
import tracemalloc
import zlib

import pytest

from host.imports.conftest import Plugin, PluginOf
from host.imports.web import Asked, Script, Web, ok, raw
from tarkpm.io.http_request import RequestLimits

MIB = 1 << 20
HELLO = gzip.compress(b"hello", mtime=0)  # the same in every process: it is part of the tests' names
SMALL = RequestLimits(body=64 << 10)
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def asking(plugin_of: PluginOf, web: Web) -> Plugin:
    return plugin_of(f"localhost:{web.port}", limits=SMALL)


def fetch(plugin: Plugin, web: Web, page: Script, seconds: float = 5.0) -> dict[str, object]:
    web.pages["/"] = page
    answer = plugin.get(f"http://localhost:{web.port}/", seconds=seconds)
    (kind,) = answer
    found: dict[str, object] = answer[kind]
    return found


def too_long(web: Web) -> dict[str, object]:
    return {"message": f"http://localhost:{web.port}: the response has more than 65,536 bytes", "status": 200}


def test_as_long_as_may_be(asking: Plugin, web: Web) -> None:
    assert fetch(asking, web, ok(b"x" * 65536))["body"] == "x" * 65536
    assert fetch(asking, web, ok(b"x" * 65537)) == too_long(web)


def endless(_: Asked, connection: socket.socket) -> None:
    connection.sendall(OK + b"\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def test_a_body_without_end(asking: Plugin, web: Web) -> None:
    assert fetch(asking, web, endless) == too_long(web)


def test_a_length_that_is_a_lie(asking: Plugin, web: Web) -> None:
    assert "the response is not valid HTTP" in str(
        fetch(asking, web, raw(OK + b"Content-Length: 9\r\n\r\nx"))["message"]
    )
    cut = fetch(asking, web, raw(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"))
    assert "the response is not valid HTTP" in str(cut["message"])


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "deflate", "bare deflate", "identity"])
def test_compressed(asking: Plugin, web: Web, encoding: str) -> None:
    body = b"hello " * 1000
    pack = zlib.compressobj(wbits=-15)
    packed = {"gzip": gzip.compress(body), "x-gzip": gzip.compress(body), "identity": body}
    packed |= {"deflate": zlib.compress(body), "bare deflate": pack.compress(body) + pack.flush()}
    page = ok(packed[encoding.lower()], f"Content-Encoding: {encoding.removeprefix('bare ')}")
    assert fetch(asking, web, page)["body"] == body.decode()


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_bomb(asking: Plugin, web: Web, pack: object) -> None:
    assert callable(pack)
    bomb = pack(bytes(64 * MIB))
    name = "gzip" if pack is gzip.compress else "deflate"
    assert len(bomb) < 128 << 10
    tracemalloc.start()
    assert fetch(asking, web, ok(bomb, f"Content-Encoding: {name}")) == too_long(web)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB


def test_a_bomb_in_a_bomb(asking: Plugin, web: Web) -> None:
    """Two encodings at once: nothing honest does that."""
    page = ok(gzip.compress(gzip.compress(bytes(64 * MIB))), "Content-Encoding: gzip, gzip")
    assert "encoded as gzip, deflate, found 'gzip, gzip'" in str(fetch(asking, web, page)["message"])


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "x"])
def test_other_encodings(asking: Plugin, web: Web, encoding: str) -> None:
    found = fetch(asking, web, ok(b"x", f"Content-Encoding: {encoding}"))
    assert f"found '{encoding}'" in str(found["message"])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (HELLO[:-9], "the compressed response is truncated"),
        (HELLO + b"x", "the compressed response continues after its end"),
        (b"hello", "the compressed response is damaged"),
        (HELLO[:-5] + b"xxxxx", "the compressed response is damaged"),
    ],
)
def test_damaged(asking: Plugin, web: Web, body: bytes, sentence: str) -> None:
    found = fetch(asking, web, ok(body, "Content-Encoding: gzip"))
    assert str(found["message"]).endswith(sentence)


def drip(_: Asked, connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
    for _second in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


def drip_head(_: Asked, connection: socket.socket) -> None:
    for byte in (OK + b"X: " + b"y" * 1000)[:100]:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def silence(_: Asked, connection: socket.socket) -> None:
    time.sleep(0.8)


def interim(_: Asked, connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 102 Wait\r\n\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize("page", [drip, drip_head, silence, interim])
def test_slow_in_every_way(asking: Plugin, web: Web, page: Script) -> None:
    started = time.monotonic()
    assert str(fetch(asking, web, page, seconds=0.3)["message"]).endswith(
        "the server did not respond in time"
    )
    assert time.monotonic() - started < 2


def test_the_hosts_own_limit_of_time(plugin_of: PluginOf, web: Web) -> None:
    plugin = plugin_of(f"localhost:{web.port}", limits=RequestLimits(total=0.2))
    started = time.monotonic()
    assert "the server did not respond in time" in str(fetch(plugin, web, drip, seconds=60)["message"])
    assert time.monotonic() - started < 2


def test_a_handshake_that_hangs(plugin_of: PluginOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        started = time.monotonic()
        found = plugin_of(f"localhost:{port}").get(f"https://localhost:{port}/", seconds=0.3)
        assert found["err"]["message"].endswith("the connection timed out")
        assert time.monotonic() - started < 2


def test_a_server_that_does_not_read(plugin_of: PluginOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://localhost:{server.getsockname()[1]}/"
        plugin = plugin_of(url.removeprefix("http://").strip("/"), limits=RequestLimits(total=0.3))
        started = time.monotonic()
        assert plugin.post(url, "x" * (8 * MIB))["err"]["message"].endswith(
            "the server did not respond in time"
        )
        assert time.monotonic() - started < 2


def test_a_deadline_that_is_over(asking: Plugin, web: Web) -> None:
    assert "in time" in str(fetch(asking, web, ok(), seconds=-1)["message"])
    assert web.connections == 0


def flood(_: Asked, connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 102 Wait\r\n\r\n" * 1000)


def crumbs(_: Asked, connection: socket.socket) -> None:
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall((b"1;" + b"x" * 500 + b"\r\nx\r\n") * 100)


@pytest.mark.parametrize("page", [flood, crumbs])
def test_what_is_no_body_counts_too(asking: Plugin, web: Web, page: Script) -> None:
    assert str(fetch(asking, web, page)["message"]).endswith("the server sends endless data")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        b"\0" * 99,
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 101 Up\r\nUpgrade: x\r\n\r\n",
    ],
)
def test_what_is_not_http(asking: Plugin, web: Web, data: bytes) -> None:
    assert "the response is not valid HTTP" in str(fetch(asking, web, raw(data))["message"])


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("grüße".encode(), "", "grüße"),
        ("grüße".encode(), "application/json", "grüße"),
        ("grüße".encode("latin-1"), "text/html; charset=ISO-8859-1", "grüße"),
        ("grüße".encode("latin-1"), "text/html; charset=utf-8", "gr��e"),
        ("こんにちは".encode("shift_jis"), 'text/html;charset="Shift_JIS"', "こんにちは"),
        ("hi".encode("utf-16"), "text/plain; charset=utf-16", "hi"),
        (b"\xef\xbb\xbfhi", "text/plain; charset=latin-1", "hi"),
        (b"hi", "text/plain; charset=nonsense", "hi"),
        (b"a+AGE-", "text/plain; charset=utf-7", "a+AGE-"),
        (b"\\u0041", "text/plain; charset=unicode_escape", "\\u0041"),
        (b"uryyb", "text/plain; charset=rot13", "uryyb"),
        (b"aa-", "text/plain; charset=punycode", "aa-"),
        (b"\x00\xd8", "text/plain; charset=utf-16-le", "�"),
        (b"hi\0", "text/plain; charset=../../x", "hi\0"),
    ],
)
def test_charsets(asking: Plugin, web: Web, body: bytes, content_type: str, text: str) -> None:
    assert fetch(asking, web, ok(body, f"Content-Type: {content_type}"))["body"] == text


def test_a_body_that_grows_as_text(asking: Plugin, web: Web) -> None:
    found = fetch(asking, web, ok(b"\xff" * 60_000))
    assert str(found["message"]).endswith("the response is larger than 65,536 bytes as text")


def test_a_body_that_is_not_read(asking: Plugin, web: Web) -> None:
    """Servers answer before they have read it all."""

    def early(_: Asked, connection: socket.socket) -> None:
        connection.sendall(OK.replace(b"200 OK", b"413 Too Large") + b"Content-Length: 0\r\n\r\n")

    web.pages["/"] = early
    assert asking.post(f"http://localhost:{web.port}/", "x" * 100)["ok"]["status"] == 413


def test_nothing_is_left_open(asking: Plugin, web: Web) -> None:
    fetch(asking, web, ok())
    before = len(os.listdir("/dev/fd"))
    for page in (ok(), endless, raw(b""), drip):
        fetch(asking, web, page, seconds=0.2)
    deadline = time.monotonic() + 5  # the server's own ends may still be closing
    while len(os.listdir("/dev/fd")) > before + 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir("/dev/fd")) <= before + 2
