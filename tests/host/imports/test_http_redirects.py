"""http: every hop of a redirect is checked like the first request, and takes no credential elsewhere."""

import pytest

from host.imports.conftest import Names, PluginOf
from host.imports.web import Web, ok, redirect

SECRETS = [
    ("Authorization", "Bearer secret"),
    ("Cookie", "secret"),
    ("X-Api-Key", "secret"),
    ("X-Goog-Api-Key", "secret"),
    ("Accept", "application/json"),
    ("User-Agent", "mine"),
]
NAMES = ("authorization", "cookie", "x-api-key", "x-goog-api-key", "accept", "user-agent")


def test_to_the_same_host(plugin_of: PluginOf, web: Web) -> None:
    web.pages["/"] = redirect("/next?a#part")
    web.pages["/next"] = ok()
    answer = plugin_of(f"localhost:{web.port}").get(f"http://localhost:{web.port}/", *SECRETS)
    assert answer["ok"]["body"] == "hello"
    assert [asked.target for asked in web.asked] == ["/", "/next?a"]
    assert [web.asked[1][name] for name in NAMES] == [value for _, value in SECRETS]


def test_to_another_host(plugin_of: PluginOf, secure: Web, names: Names) -> None:
    """Another host that was granted too, on the same server: it gets nothing that may be a credential."""
    names["a.test"] = names["b.test"] = ["127.0.0.1"]
    port = secure.port
    secure.pages["/"] = redirect(f"https://b.test:{port}/next")
    secure.pages["/next"] = redirect(f"https://a.test:{port}/back")
    secure.pages["/back"] = ok()
    plugin = plugin_of(f"private:a.test:{port}", f"private:b.test:{port}")
    assert "ok" in plugin.get(f"https://a.test:{port}/", *SECRETS)
    bare = [None, None, None, None, "application/json", "mine"]
    assert [secure.asked[1][name] for name in NAMES] == bare
    assert [secure.asked[2][name] for name in NAMES] == bare  # back at the first: what is dropped stays so
    assert [asked.server_name for asked in secure.asked] == ["a.test", "b.test", "a.test"]


@pytest.mark.parametrize("to", ["port", "scheme"])
def test_to_another_origin_of_the_same_name(plugin_of: PluginOf, web: Web, secure: Web, to: str) -> None:
    other = Web() if to == "port" else secure
    try:
        other.pages["/"] = ok()
        scheme = "http" if to == "port" else "https"
        web.pages["/"] = redirect(f"{scheme}://localhost:{other.port}/")
        plugin = plugin_of(f"localhost:{web.port}", f"localhost:{other.port}")
        assert "ok" in plugin.get(f"http://localhost:{web.port}/", *SECRETS)
        assert other.asked[0]["authorization"] is None
    finally:
        if other is not secure:
            other.close()


def test_to_a_host_that_was_not_granted(plugin_of: PluginOf, web: Web, secure: Web) -> None:
    web.pages["/"] = redirect(f"https://localhost:{secure.port}/?stolen")
    plugin = plugin_of(f"localhost:{web.port}")
    message = f"https://localhost:{secure.port}: is not granted to this plugin"
    assert plugin.get(f"http://localhost:{web.port}/") == {"err": {"message": message, "status": None}}
    assert secure.connections == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "64:ff9b::7f00:1"])
def test_to_a_granted_name_at_a_private_address(
    plugin_of: PluginOf, web: Web, secure: Web, names: Names, address: str
) -> None:
    names["b.test"] = [address]
    web.pages["/"] = redirect(f"https://b.test:{secure.port}/")
    plugin = plugin_of(f"localhost:{web.port}", f"b.test:{secure.port}")
    assert "which is not granted" in plugin.get(f"http://localhost:{web.port}/")["err"]["message"]
    assert secure.connections == 0


def test_out_of_https(plugin_of: PluginOf, web: Web, secure: Web) -> None:
    secure.pages["/"] = redirect(f"http://localhost:{web.port}/")
    plugin = plugin_of(f"localhost:{web.port}", f"localhost:{secure.port}")
    assert plugin.get(f"https://localhost:{secure.port}/") == {
        "err": {"message": "a redirect must not leave https", "status": 302}
    }
    assert web.connections == 0


@pytest.mark.parametrize(
    "location",
    ["https://u:p@b.test/", "ftp://b.test/", "https://b.test\\x", "file:///etc/passwd", "https://0x7f.1/"],
)
def test_to_what_is_no_plain_url(plugin_of: PluginOf, web: Web, location: str) -> None:
    web.pages["/"] = redirect(location)
    answer = plugin_of(f"localhost:{web.port}", "b.test").get(f"http://localhost:{web.port}/")
    assert answer["err"]["status"] == 302
    assert "u:p" not in answer["err"]["message"]


def test_round_and_round(plugin_of: PluginOf, web: Web) -> None:
    web.pages["/"] = redirect("/")
    answer = plugin_of(f"localhost:{web.port}").get(f"http://localhost:{web.port}/")
    assert answer["err"]["message"] == "redirected more than 5 times"
    assert len(web.asked) == 6


@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_a_post(plugin_of: PluginOf, web: Web, status: int, method: str) -> None:
    web.pages["/"] = redirect("/next", status)
    web.pages["/next"] = ok()
    plugin = plugin_of(f"localhost:{web.port}")
    headers = [("Content-Type", "application/json"), ("Authorization", "x")]
    assert "ok" in plugin.post(f"http://localhost:{web.port}/", "{}", *headers)
    asked = web.asked[1]
    kept = method == "POST"
    assert (asked.method, asked.body) == (method, b"{}" if kept else b"")
    assert (asked["content-type"], asked["authorization"]) == ("application/json" if kept else None, "x")
    assert asked["content-length"] == ("2" if kept else None)


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
def test_what_is_no_redirect(plugin_of: PluginOf, web: Web, status: int) -> None:
    web.pages["/"] = redirect("/next", status)
    answer = plugin_of(f"localhost:{web.port}").get(f"http://localhost:{web.port}/")
    assert answer["ok"]["status"] == status
    assert ["location", "/next"] in answer["ok"]["headers"]


def test_a_redirect_to_nowhere(plugin_of: PluginOf, web: Web) -> None:
    web.pages["/"] = ok(b"lost", status="302 Found")
    answer = plugin_of(f"localhost:{web.port}").get(f"http://localhost:{web.port}/")
    assert (answer["ok"]["status"], answer["ok"]["body"]) == (302, "lost")
