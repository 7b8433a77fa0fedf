"""http behind a proxy: names and literals are checked, tunnels are encrypted end to end."""

import base64
from collections.abc import Iterator

import pytest

from host.imports.conftest import Names, PluginOf
from host.imports.web import Proxy, Web, ok, redirect
from tarkpm.errors import Refused
from tarkpm.io.proxies import Proxies, split_proxy


@pytest.fixture
def proxy(secure: Web) -> Iterator[Proxy]:
    """A proxy that takes every tunnel to `secure`."""
    proxy = Proxy(secure.port)
    yield proxy
    proxy.close()


def test_a_tunnel(plugin_of: PluginOf, secure: Web, proxy: Proxy, names: Names) -> None:
    secure.pages["/"] = ok()
    plugin = plugin_of("a.test", proxies=Proxies(https=f"http://u%40:p@127.0.0.1:{proxy.port}"))
    assert plugin.get("https://a.test/", ("Authorization", "secret"))["ok"]["body"] == "hello"
    (asked,) = proxy.asked
    assert (asked.method, asked.target) == ("CONNECT", "a.test:443")
    assert asked["proxy-authorization"] == "Basic " + base64.b64encode(b"u@:p").decode()
    assert asked["authorization"] is None  # the plugin's is for the host, inside the tunnel
    assert (secure.asked[0].server_name, secure.asked[0]["proxy-authorization"]) == ("a.test", None)
    assert names.looked_up == []  # the proxy's to do


def test_what_is_not_granted(plugin_of: PluginOf, proxy: Proxy) -> None:
    plugin = plugin_of("a.test", "*.wild.test", proxies=Proxies(https=f"http://127.0.0.1:{proxy.port}"))
    for host in ("b.test", "169.254.169.254", "[::1]", "a.test:8443", "evilwild.test"):
        assert plugin.get(f"https://{host}/")["err"]["message"].endswith("is not granted to this plugin")
    assert proxy.asked == []


def test_redirects(plugin_of: PluginOf, secure: Web, proxy: Proxy) -> None:
    secure.pages["/"] = redirect("https://169.254.169.254/latest/meta-data/")
    plugin = plugin_of("a.test", proxies=Proxies(https=f"http://127.0.0.1:{proxy.port}"))
    assert "is not granted" in plugin.get("https://a.test/")["err"]["message"]
    assert [asked.target for asked in proxy.asked] == ["a.test:443"]


def test_this_machine_is_not_asked_for_through_a_proxy(plugin_of: PluginOf, web: Web, proxy: Proxy) -> None:
    web.pages["/"] = ok()
    url = f"http://127.0.0.1:{proxy.port}"
    plugin = plugin_of(f"localhost:{web.port}", proxies=Proxies(https=url, http=url))
    assert "ok" in plugin.get(f"http://localhost:{web.port}/")
    assert proxy.asked == []


def test_around_the_proxy_addresses_are_checked(
    plugin_of: PluginOf, secure: Web, proxy: Proxy, names: Names
) -> None:
    names["a.test"] = ["127.0.0.1"]
    proxies = Proxies(https=f"http://127.0.0.1:{proxy.port}", bypass=("a.test",))
    plugin = plugin_of(f"a.test:{secure.port}", proxies=proxies)
    assert "loopback address" in plugin.get(f"https://a.test:{secure.port}/")["err"]["message"]
    assert proxy.asked == []


def test_a_proxy_that_refuses(plugin_of: PluginOf, secure: Web) -> None:
    proxy = Proxy(secure.port, "407 Proxy Authentication Required")
    try:
        plugin = plugin_of("a.test", proxies=Proxies(https=f"http://me:secret@127.0.0.1:{proxy.port}"))
        message = plugin.get("https://a.test/")["err"]["message"]
        assert message == "https://a.test: the proxy responded '407 Proxy Authentication Required'"
    finally:
        proxy.close()


def test_a_certificate_that_is_the_proxys_own(plugin_of: PluginOf, secure: Web, proxy: Proxy) -> None:
    plugin = plugin_of("c.test", proxies=Proxies(https=f"http://127.0.0.1:{proxy.port}"))
    assert "the certificate is not valid for this host" in plugin.get("https://c.test/")["err"]["message"]


@pytest.mark.parametrize(
    "url",
    [
        "socks5://h:1",
        "http://",
        "http://u:secret@h:x",
        "ftp://u:secret@h",
        "foo bar",
        "http://a b:1",
        "http://a;b",
    ],
)
def test_what_is_no_proxy(plugin_of: PluginOf, url: str) -> None:
    with pytest.raises(Refused) as refused:
        split_proxy(url)
    assert "secret" not in str(refused.value)
    message = plugin_of("a.test", proxies=Proxies(https=url)).get("https://a.test/")["err"]["message"]
    assert "expected a proxy like http://host:3128" in message
    assert "secret" not in message


def test_environment() -> None:
    assert Proxies.read({}) == Proxies()
    assert Proxies.read({"HTTPS_PROXY": "a", "https_proxy": "b", "HTTP_PROXY": "c"}) == Proxies("b", "")
    assert Proxies.read({"ALL_PROXY": "a", "NO_PROXY": "X, .y"}) == Proxies("a", "a", ("x", ".y"))
    assert split_proxy("proxy:3128").url == "http://proxy:3128"
    assert split_proxy("https://u:p%3A@[::1]:3128/").auth == ("u", "p:")


@pytest.mark.parametrize(
    ("bypass", "host", "found"),
    [
        ("", "a.test", "p"),
        ("a.test", "a.test", ""),
        ("a.test", "x.a.test", ""),
        ("a.test", "xa.test", "p"),
        (".a.test", "a.test", ""),
        ("*.a.test", "x.a.test", ""),
        ("*", "a.test", ""),
        ("a.test:443", "a.test", ""),
        ("a.test:8443", "a.test", "p"),
        ("10.0.0.0/8", "10.1.2.3", ""),
        ("10.0.0.0/8", "11.1.2.3", "p"),
        ("10.0.0.0/8", "a.test", "p"),
        ("nonsense/8", "10.0.0.1", "p"),
        ("fd00::/8", "fd00::1", ""),
        ("[fd00::1]:443", "fd00::1", ""),
        ("fd00::1", "fd00::1", ""),
        ("b.test", "localhost", ""),
    ],
)
def test_bypass(bypass: str, host: str, found: str) -> None:
    assert Proxies("p", "q", tuple(bypass.split())).find("https", host, 443) == found
