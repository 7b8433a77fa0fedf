"""http: headers a plugin may not send, and what it is given of an answer's."""

import pytest

from host.imports.conftest import PluginOf
from host.imports.web import Web, ok, raw


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("x", "a\r\nHost: b.test", "expected printable ASCII in the header 'x'"),
        ("x", "a\nb", "expected printable ASCII in the header 'x'"),
        ("x", "a\rb", "expected printable ASCII in the header 'x'"),
        ("x", "a\0b", "expected printable ASCII in the header 'x'"),
        ("x", "嘊嘍Host: b.test", "expected printable ASCII in the header 'x'"),
        ("x", "\x85", "expected printable ASCII in the header 'x'"),
        ("x", "\ud800", "expected printable ASCII in the header 'x'"),
        ("", "a", "expected a header name, found ''"),
        ("x y", "a", "expected a header name, found 'x y'"),
        ("x:", "a", "expected a header name, found 'x:'"),
        ("x\r\nHost", "a", "expected a header name, found 'x\\r\\nHost'"),
        (" x", "a", "expected a header name, found ' x'"),
        ("ü", "a", "expected a header name, found 'ü'"),
        ("Host", "b.test", "the header 'host' is set by tarkpm"),
        ("content-length", "0", "the header 'content-length' is set by tarkpm"),
        ("Transfer-Encoding", "chunked", "the header 'transfer-encoding' is set by tarkpm"),
        ("Connection", "keep-alive, authorization", "the header 'connection' is set by tarkpm"),
        ("Upgrade", "h2c", "the header 'upgrade' is set by tarkpm"),
        ("HTTP2-Settings", "x", "the header 'http2-settings' is set by tarkpm"),
        ("TE", "trailers", "the header 'te' is set by tarkpm"),
        ("Expect", "100-continue", "the header 'expect' is set by tarkpm"),
        ("Proxy-Authorization", "Basic x", "the header 'proxy-authorization' is set by tarkpm"),
        ("x" * 129, "a", f"expected a header name, found '{'x' * 40}'"),
        ("x", "y" * (32 << 10), "the headers have more than 32,768 characters"),
    ],
)
def test_refused(plugin_of: PluginOf, web: Web, name: str, value: str, sentence: str) -> None:
    plugin = plugin_of(f"localhost:{web.port}")
    answer = plugin.get(f"http://localhost:{web.port}/", (name, value))
    assert answer == {"err": {"message": sentence, "status": None}}
    assert web.connections == 0


def test_too_many(plugin_of: PluginOf, web: Web) -> None:
    web.pages["/"] = ok()
    plugin = plugin_of(f"localhost:{web.port}")
    url = f"http://localhost:{web.port}/"
    assert "ok" in plugin.get(url, *[("x", "y")] * 64)
    assert plugin.get(url, *[("x", "y")] * 65)["err"]["message"] == "expected at most 64 headers, found 65"


def test_what_may_be_set(plugin_of: PluginOf, web: Web) -> None:
    web.pages["/"] = ok()
    sent = [("Authorization", "Bearer x"), ("Cookie", "a=b"), ("User-Agent", "mine"), ("Accept", "text/x")]
    sent += [("X-A", "1"), ("x-a", "2"), ("Accept-Encoding", "br")]
    plugin_of(f"localhost:{web.port}").get(f"http://localhost:{web.port}/", *sent)
    (asked,) = web.asked
    assert [asked[name] for name in ("authorization", "cookie", "user-agent", "accept")] == [
        "Bearer x",
        "a=b",
        "mine",
        "text/x",
    ]
    assert [value for name, value in asked.headers if name == "x-a"] == ["1", "2"]
    assert [value for name, value in asked.headers if name == "accept-encoding"] == ["gzip, deflate"]


def test_no_cookie_is_kept(plugin_of: PluginOf, web: Web) -> None:
    web.pages["/"] = ok(b"", "Set-Cookie: a=b; Path=/")
    plugin = plugin_of(f"localhost:{web.port}")
    answers = [plugin.get(f"http://localhost:{web.port}/") for _ in range(2)]
    assert answers[0]["ok"]["headers"] == [["set-cookie", "a=b; Path=/"]]  # the plugin's to use, or not
    assert [asked["cookie"] for asked in web.asked] == [None, None]


def test_what_is_about_the_wire_is_left_out(plugin_of: PluginOf, web: Web) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nX: \xc3\xbc\r\nY: \xfc\r\n\r\n"
    web.pages["/"] = raw(head + b"2\r\nab\r\n0\r\nTrailer: x\r\n\r\n")
    answer = plugin_of(f"localhost:{web.port}").get(f"http://localhost:{web.port}/")
    assert answer == {"ok": {"status": 200, "headers": [["x", "ü"], ["y", "ü"]], "body": "ab"}}


def test_too_many_answered(plugin_of: PluginOf, web: Web) -> None:
    web.pages["/many"] = ok(b"", *["x: y"] * 300)
    web.pages["/long"] = ok(b"", *["x: " + "y" * 1000] * 70)
    web.pages["/longer"] = ok(b"", "x: " + "y" * 200_000)
    plugin = plugin_of(f"localhost:{web.port}")
    base = f"http://localhost:{web.port}"
    assert plugin.get(base + "/many")["err"] == {
        "message": "the response has 301 headers, the limit is 256",
        "status": 200,
    }
    assert "headers have more than 65,536 bytes" in plugin.get(base + "/long")["err"]["message"]
    assert "the response is not valid HTTP" in plugin.get(base + "/longer")["err"]["message"]
