"""A server repeats the secret it got: in bodies, headers, errors and encodings, in pieces and compressed."""

import base64
import gzip
import json
import socket
import time
import zlib

import pytest
from host.imports.web import Asked, Script, Web, ok, raw
from support.secret_fixtures import LEAKS, VALUE, Holder, HolderOf, parts, spellings

from tarkpm.io.http_request import RequestLimits

SPELLINGS = sorted(spellings())


@pytest.fixture
def plugin(holder_of: HolderOf, api: Web) -> Holder:
    return holder_of(f"localhost:{api.port}", to=f"localhost:{api.port}")


def url(api: Web, path: str = "/") -> str:
    return f"https://localhost:{api.port}{path}"


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "500 Oops"])
@pytest.mark.parametrize("how", SPELLINGS)
def test_in_a_page(plugin: Holder, api: Web, how: str, status: str) -> None:
    spelled = spellings()[how]
    api.pages["/"] = ok(f"<p>bad token {spelled}!</p>".encode(), status=status)
    answer = plugin.get(url(api))["ok"]
    assert answer["status"] == int(status[:3])
    assert answer["body"].startswith("<p>bad token ")
    assert answer["body"].endswith("!</p>")
    assert "*" * 20 in answer["body"]


@pytest.mark.parametrize("how", SPELLINGS)
def test_in_headers(plugin: Holder, api: Web, how: str) -> None:
    spelled = spellings()[how]
    api.pages["/"] = ok(b"", f"X-Echo: <{spelled}>", f"Location: /?{spelled}", "X-Other: kept")
    headers = dict(plugin.get(url(api))["ok"]["headers"])
    assert headers["x-echo"].startswith("<")
    assert "*" * 20 in headers["x-echo"]
    assert headers["x-other"] == "kept"


def test_in_the_name_of_a_header(holder_of: HolderOf, api: Web) -> None:
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, to=scope, name="short")
    plugin.values["short"] = "abcdEFGH0123"
    api.pages["/"] = ok(b"", "abcdEFGH0123: x", "X-abcdEFGH0123: x")
    names = [name for name, _ in plugin.get(url(api))["ok"]["headers"]]
    assert names == ["*" * 12, "x-" + "*" * 12]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\r\\n"])
@pytest.mark.parametrize("width", [4, 60, 76])
@pytest.mark.parametrize("before", range(3))
def test_in_base64_that_is_broken_into_lines(
    plugin: Holder, api: Web, before: int, width: int, end: str
) -> None:
    """As openssl, base64 and MIME do it; the last two ends are those of a JSON string."""
    text = base64.b64encode(b"u" * (48 + before) + VALUE.encode() + b"?").decode()
    api.pages["/"] = ok(end.join(text[at : at + width] for at in range(0, len(text), width)).encode())
    body = plugin.get(url(api))["ok"]["body"].replace(end, "")
    assert body.startswith("dXV1" * 16)
    assert body.count("*") >= len(VALUE)


def test_a_password_within_it(holder_of: HolderOf, api: Web) -> None:
    """What the server of basic authentication has, and may repeat, is the password."""
    scope, password = f"localhost:{api.port}", "correct-horse-battery"
    plugin = holder_of(scope, to=scope, format="Basic {}", name="basic")
    plugin.values["basic"] = base64.b64encode(f"octocat:{password}".encode()).decode()
    api.pages["/"] = ok(f"octocat has the password {password}".encode())
    assert plugin.get(url(api))["ok"]["body"] == "octocat has the password " + "*" * len(password)
    assert api.asked[0]["authorization"] == f"Basic {plugin.values['basic']}"
    for odd in (
        "bm90aGluZzpzaG9ydA==",
        "not-base64-at-all",
        base64.b64encode(b"me:gr\xc3\xbc\xc3\x9fe-secret").decode(),
    ):
        plugin.values["basic"] = odd
        assert "ok" in plugin.get(url(api))
        assert api.asked[-1]["authorization"] == f"Basic {odd}"


@pytest.mark.parametrize("wrap", ["\n", "\r\n ", "=\r\n", "\\n"])
def test_in_text_that_is_broken_into_lines(plugin: Holder, api: Web, wrap: str) -> None:
    api.pages["/"] = ok(wrap.join(VALUE[at : at + 16] for at in range(0, len(VALUE), 16)).encode())
    assert set(plugin.get(url(api))["ok"]["body"]) == {"*"}


@pytest.mark.parametrize("at", [1, 12, len(VALUE) - 1])
def test_in_a_header_that_is_folded(plugin: Holder, api: Web, at: int) -> None:
    api.pages["/"] = ok(b"", f"X-Echo: you sent\r\n {VALUE[:at]}\r\n\t{VALUE[at:]}", "X-Other: kept as it is")
    headers = dict(plugin.get(url(api))["ok"]["headers"])
    assert set(headers["x-echo"]) == {"*"}
    assert headers["x-other"] == "kept as it is"


def test_around_the_response(plugin: Holder, api: Web) -> None:
    """Early hints, trailers, a body that must not be there, and a second response that nobody asked for."""
    line = f"X-Echo: {VALUE}\r\n"
    cases = {
        f"HTTP/1.1 103 Early Hints\r\n{line}\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi": (200, "hi"),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{line}\r\n": (200, "hi"),
        f"HTTP/1.1 304 Not Modified\r\n\r\n{VALUE}": (304, ""),
        f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n{line}\r\n": (200, "hi"),
    }
    for text, (status, body) in cases.items():
        api.pages["/"] = raw(text.encode())
        answer = plugin.get(url(api))["ok"]
        assert (answer["status"], answer["body"]) == (status, body)
        assert "x-echo" not in dict(answer["headers"])


def in_chunks(data: bytes, size: int) -> Script:
    """A chunked body, each chunk sent on its own."""

    def answer(_: Asked, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(0.0005)
        connection.sendall(b"0\r\n\r\n")

    return answer


@pytest.mark.parametrize("size", [1, 2, 7, 20])
@pytest.mark.parametrize("how", ["plain", "percent", "base64", "html"])
def test_in_chunks_that_cut_it(plugin: Holder, api: Web, how: str, size: int) -> None:
    data = f"before {spellings()[how]} after".encode()
    api.pages["/"] = in_chunks(data, size)
    body = plugin.get(url(api))["ok"]["body"]
    assert (body[:7], body[-6:], len(body)) == ("before ", " after", len(data))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_compressed(plugin: Holder, api: Web, coding: str) -> None:
    text = f"{'x' * 70_000}{VALUE}{'y' * 70_000}".encode()
    body = gzip.compress(text) if coding == "gzip" else zlib.compress(text)
    api.pages["/"] = ok(body, f"Content-Encoding: {coding}")
    assert len(plugin.get(url(api))["ok"]["body"]) == len(text)


def test_in_a_coding_that_is_not_read(plugin: Holder, api: Web) -> None:
    """brotli is not read at all, so nothing gets past the mask in it."""
    api.pages["/"] = ok(VALUE.encode(), "Content-Encoding: br")
    assert "expected a response encoded as gzip, deflate" in plugin.get(url(api))["err"]["message"]


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-le", "latin-1", "shift_jis", "nonsense"])
def test_in_another_charset(plugin: Holder, api: Web, charset: str) -> None:
    encoding = "utf-8" if charset == "nonsense" else charset
    api.pages["/"] = ok(f"<{VALUE}>".encode(encoding), f"Content-Type: text/plain; charset={charset}")
    assert "ok" in plugin.get(url(api))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_in_a_charset_that_is_not_named(plugin: Holder, api: Web, encoding: str) -> None:
    """The plugin would drop what is between the characters."""
    api.pages["/"] = ok(f"<{VALUE}>".encode(encoding))
    text = plugin.get(url(api))["ok"]["body"].replace("\0", "")
    assert not parts(text) & LEAKS
    assert text.count("*") >= len(VALUE)


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "iso2022_jp"])
def test_its_bytes_shown_as_other_characters(plugin: Holder, api: Web, charset: str) -> None:
    """The plugin would encode the text again, and have the bytes."""
    api.pages["/"] = ok(VALUE.encode() + b" ", f"Content-Type: text/plain; charset={charset}")
    body = plugin.get(url(api))["ok"]["body"]
    assert VALUE.encode()[:12] not in body.encode(charset, "replace")


@pytest.mark.parametrize("at", range(0, 130, 9))
@pytest.mark.parametrize("where", ["status", "header", "coding"])
def test_in_words_of_an_error_that_are_cut(plugin: Holder, api: Web, where: str, at: int) -> None:
    """What an error quotes of a response is cut at a length, which may leave a part of the secret."""
    spelled = "x" * at + VALUE.replace(" ", "")
    lines = {
        "status": f"HTTP/1.1 {spelled}\r\n\r\n",
        "header": f"HTTP/1.1 200 OK\r\n{spelled}\r\n\r\n",
        "coding": f"HTTP/1.1 200 OK\r\nContent-Encoding: {spelled}\r\nContent-Length: 0\r\n\r\n",
    }
    api.pages["/"] = raw(lines[where].encode())
    message = plugin.get(url(api))["err"]["message"]
    assert message.startswith(
        (f"https://localhost:{api.port}: the response", f"https://localhost:{api.port}: exp")
    )


def test_a_guess_learns_nothing_from_the_mask(plugin: Holder, api: Web) -> None:
    """A plugin sends guesses to a server that repeats them: only the whole secret is masked, in any answer."""
    assert "ok" in plugin.get(url(api), ("Accept", "x"))
    for length in (4, 8, 16, len(VALUE) - 1):
        guess = VALUE[:length]
        answer = plugin.http.call("get", (f"http://{guess}", []), time.monotonic() + 5)
        assert "*" not in answer["err"]["message"]
        api.pages["/"] = ok(guess.encode())
        body = plugin.http.call("get", (url(api), []), time.monotonic() + 5)["ok"]["body"]
        assert body == guess


def test_from_another_server(holder_of: HolderOf, api: Web, other: Web) -> None:
    """The server that got it tells another, which the plugin asks later."""
    api.pages["/"] = ok()
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, f"localhost:{other.port}", to=scope)
    assert "ok" in plugin.get(url(api))
    other.pages["/"] = ok(VALUE.encode())
    assert set(plugin.get(url(other))["ok"]["body"]) == {"*"}


def test_from_another_server_later(holder_of: HolderOf, api: Web, other: Web) -> None:
    """A process of the plugin that sent nothing asks for what an earlier one's server told another."""
    other.pages["/"] = ok(VALUE.encode())
    plugin = holder_of(f"localhost:{api.port}", f"localhost:{other.port}", to=f"localhost:{api.port}")
    assert set(plugin.get(url(other))["ok"]["body"]) == {"*"}
    assert plugin.reads == []


def test_after_it_was_replaced(plugin: Holder, api: Web) -> None:
    """The old value may still work for a while, and a server may still repeat it."""
    api.pages["/"] = ok()
    assert "ok" in plugin.get(url(api))
    plugin.values["github"] = "another-value-1234"
    api.pages["/"] = ok(f"{VALUE} another-value-1234".encode())
    body = plugin.get(url(api))["ok"]["body"]
    assert set(body) == {"*", " "}
    assert api.asked[1]["authorization"] == "Bearer another-value-1234"


def test_too_much_of_it(holder_of: HolderOf, api: Web) -> None:
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, to=scope, limits=RequestLimits(body=100_000))
    api.pages["/"] = ok(VALUE.encode() * 5_000)
    assert "more than 100,000 bytes" in plugin.get(url(api))["err"]["message"]
    api.pages["/"] = ok(VALUE.encode() * 2_000)
    assert set(plugin.get(url(api))["ok"]["body"]) == {"*"}


def test_what_is_not_it_stays(plugin: Holder, api: Web) -> None:
    text = json.dumps({"login": "octocat", "half": VALUE[:20], "other": "ghp_" + "z" * 40, "é": "ü🌍"})
    api.pages["/"] = ok(text.encode())
    assert plugin.http.call("get", (url(api), []), time.monotonic() + 5)["ok"]["body"] == text
