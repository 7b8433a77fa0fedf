"""http: which hosts, ports and addresses a grant opens, and which it does not."""

import time

import pytest

from host.imports.conftest import Names, PluginOf
from host.imports.web import Web, ok
from tarkpm.core import urls
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.host.imports.hosts import Hosts, NotGranted


def err(answer: object) -> str:
    assert isinstance(answer, dict)
    assert answer.keys() == {"err"}, answer
    assert answer["err"]["status"] is None
    return str(answer["err"]["message"])


def test_an_exact_host_and_port(plugin_of: PluginOf, web: Web) -> None:
    web.pages["/"] = ok(b"hello", "X-A: 1", "x-A: 2")
    plugin = plugin_of(f"127.0.0.1:{web.port}")
    assert plugin.get(f"http://127.0.0.1:{web.port}/") == {
        "ok": {"status": 200, "headers": [["x-a", "1"], ["x-a", "2"]], "body": "hello"}
    }
    assert plugin.reports == []


def test_a_post(plugin_of: PluginOf, web: Web) -> None:
    web.pages["/p"] = ok()
    plugin = plugin_of(f"localhost:{web.port}")
    url = f"http://localhost:{web.port}/p?q=1"
    assert plugin.post(url, "grüße", ("Content-Type", "text/plain"), ("X", " y "))["ok"]["status"] == 200
    assert plugin.post(url, "")["ok"]["status"] == 200
    first, second = web.asked
    assert (first.method, first.target, first.body) == ("POST", "/p?q=1", "grüße".encode())
    assert (first["content-type"], first["x"], first["host"]) == ("text/plain", "y", f"localhost:{web.port}")
    assert (first["cookie"], first["connection"], first["user-agent"]) == (None, "close", "tarkpm")
    assert (second.body, second["content-length"]) == (b"", "0")


@pytest.mark.parametrize(
    "granted",
    [[], ["127.0.0.1"], ["127.0.0.1:1"], ["127.0.0.2:{port}"], ["localhost:{port}"], ["*.test:{port}"]],
)
def test_anything_else_is_refused(plugin_of: PluginOf, web: Web, granted: list[str]) -> None:
    plugin = plugin_of(*(scope.format(port=web.port) for scope in granted))
    origin = f"http://127.0.0.1:{web.port}"
    for _ in range(2):
        assert err(plugin.get(origin + "/?secret")) == f"{origin}: is not granted to this plugin"
    assert web.connections == 0
    assert plugin.reports == [f"asked for {origin}, which is not granted"]  # told once, without the query


def test_reports_end(plugin_of: PluginOf) -> None:
    plugin = plugin_of()
    for number in range(50):
        plugin.get(f"https://host{number}.test/")
    assert len(plugin.reports) == 20


def test_tls_and_the_name_it_is_asked_for(plugin_of: PluginOf, secure: Web, names: Names) -> None:
    secure.pages["/"] = ok()
    names["a.test"] = ["127.0.0.1"]
    plugin = plugin_of(f"private:a.test:{secure.port}")
    assert plugin.get(f"https://a.test:{secure.port}/")["ok"]["body"] == "hello"
    (asked,) = secure.asked
    assert (asked.server_name, asked["host"]) == ("a.test", f"a.test:{secure.port}")
    assert names.looked_up == ["a.test"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_of_this_machine(plugin_of: PluginOf, secure: Web, host: str) -> None:
    secure.pages["/"] = ok()
    assert "ok" in plugin_of(f"{host}:{secure.port}").get(f"https://{host}:{secure.port}/")


def test_a_certificate_for_another_name(plugin_of: PluginOf, secure: Web, names: Names) -> None:
    names["c.test"] = ["127.0.0.1"]
    message = err(plugin_of(f"private:c.test:{secure.port}").get(f"https://c.test:{secure.port}/"))
    assert message.startswith(f"https://c.test:{secure.port}: the certificate is not valid for this host: ")
    assert secure.asked == []


def test_a_certificate_of_an_unknown_authority(plugin_of: PluginOf, secure: Web) -> None:
    plugin = plugin_of(f"localhost:{secure.port}", authorities="")
    assert "the certificate is not valid for this host" in err(
        plugin.get(f"https://localhost:{secure.port}/")
    )
    assert secure.asked == []


def test_wildcards(plugin_of: PluginOf, secure: Web, names: Names) -> None:
    secure.pages["/"] = ok()
    port = secure.port
    plugin = plugin_of(f"private:*.wild.test:{port}", f"private:*.a.test:{port}")
    for name in ("x.wild.test", "a.test", "evilwild.test", "x.wild.test.evil"):
        names[name] = ["127.0.0.1"]
    assert "ok" in plugin.get(f"https://x.wild.test:{port}/")
    assert "ok" in plugin.get(f"https://a.test:{port}/")  # "*.a.test" is a.test and what is below it
    for name in ("evilwild.test", "x.wild.test.evil"):
        assert err(plugin.get(f"https://{name}:{port}/")).endswith("is not granted to this plugin")


def test_plain_http_is_for_this_machine_only(plugin_of: PluginOf, names: Names, web: Web) -> None:
    names["a.test"] = ["127.0.0.1"]
    plugin = plugin_of(f"private:a.test:{web.port}", "10.0.0.1:80")
    for origin in (f"http://a.test:{web.port}", "http://10.0.0.1"):
        assert err(plugin.get(origin)) == f"{origin}: http is neither encrypted nor authenticated; use https"
    assert (web.connections, names.looked_up) == (0, [])


def test_localhost_is_not_looked_up(plugin_of: PluginOf, names: Names, web: Web) -> None:
    web.pages["/"] = ok()
    names["localhost"] = ["10.0.0.1"]
    assert "ok" in plugin_of(f"localhost:{web.port}").get(f"http://localhost:{web.port}/")
    assert names.looked_up == []


def test_localhost_on_ipv6(plugin_of: PluginOf) -> None:
    try:
        web = Web(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    web.pages["/"] = ok()
    try:
        assert "ok" in plugin_of(f"localhost:{web.port}").get(f"http://localhost:{web.port}/")
        assert "ok" in plugin_of(f"[::1]:{web.port}").get(f"http://[::1]:{web.port}/")
    finally:
        web.close()


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("10.0.0.1", "private"),
        ("100.100.100.200", "private"),
        ("169.254.169.254", "link-local"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("2002:7f00:1::", "loopback"),
        ("2001:0:808:808::80ff:fffe", "loopback"),
        ("fd00::1", "private"),
        ("0.0.0.0", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
    ],
)
def test_a_name_at_an_address_that_is_not_public(
    plugin_of: PluginOf, names: Names, secure: Web, address: str, kind: str
) -> None:
    names["a.test"] = [address]
    plugin = plugin_of(f"a.test:{secure.port}")
    message = err(plugin.get(f"https://a.test:{secure.port}/"))
    assert message == f"a.test: is at a {kind} address, which is not granted"
    (report,) = plugin.reports
    assert report.startswith(f"may not reach a.test: it is at {address}, a {kind} address")
    assert ("would allow it" in report) == (kind in ("private", "loopback"))
    assert secure.connections == 0


@pytest.mark.parametrize("addresses", [["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"]])
def test_one_bad_address_among_good_ones(
    plugin_of: PluginOf, names: Names, secure: Web, addresses: list[str]
) -> None:
    names["a.test"] = addresses
    message = err(plugin_of(f"a.test:{secure.port}").get(f"https://a.test:{secure.port}/"))
    assert message == "a.test: is at a loopback address, which is not granted"
    assert secure.connections == 0


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "64:ff9b::a9fe:a9fe"])
def test_private_opens_no_metadata_service(plugin_of: PluginOf, names: Names, address: str) -> None:
    names["a.test"] = [address]
    assert "which is not granted" in err(plugin_of("private:a.test").get("https://a.test/"))


def test_rebinding(plugin_of: PluginOf, names: Names, secure: Web, connected: list[str]) -> None:
    """The name is public when it is checked and loopback ever after: the connection goes to the first."""
    names.answers["a.test"] = [["93.184.216.34"], ["127.0.0.1"]]
    assert "cannot connect" in err(plugin_of(f"a.test:{secure.port}").get(f"https://a.test:{secure.port}/"))
    assert (names.looked_up, connected, secure.connections) == (["a.test"], ["93.184.216.34"], 0)


def test_each_call_looks_anew(plugin_of: PluginOf, names: Names, secure: Web) -> None:
    """What a name was at one call says nothing about the next: no connection is kept."""
    secure.pages["/"] = ok()
    names.answers["a.test"] = [["127.0.0.1"], ["169.254.169.254"]]
    plugin = plugin_of(f"private:a.test:{secure.port}")
    assert "ok" in plugin.get(f"https://a.test:{secure.port}/")
    assert "link-local" in err(plugin.get(f"https://a.test:{secure.port}/"))
    assert secure.connections == 1


def test_the_next_address_when_the_first_does_not_answer(
    plugin_of: PluginOf, names: Names, secure: Web, connected: list[str]
) -> None:
    secure.pages["/"] = ok()
    names["a.test"] = ["10.0.0.1", "127.0.0.1"]
    assert "ok" in plugin_of(f"private:a.test:{secure.port}").get(f"https://a.test:{secure.port}/")
    assert connected == ["10.0.0.1", "127.0.0.1"]


def test_an_address_by_itself(plugin_of: PluginOf, connected: list[str]) -> None:
    plugin = plugin_of("169.254.169.254", "[fd00::1]", "private:10.0.0.1")
    for host in ("169.254.169.254", "[fd00::1]", "10.0.0.1"):
        assert "cannot connect" in err(plugin.get(f"https://{host}/"))  # tried, as granted
    for host in ("169.254.169.253", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fd00::2]"):
        assert "cannot connect" not in err(plugin.get(f"https://{host}/"))
    assert connected == ["169.254.169.254", "fd00::1", "10.0.0.1"]


def test_a_name_without_an_address(plugin_of: PluginOf, names: Names) -> None:
    assert err(plugin_of("a.test").get("https://a.test/")) == "a.test: the name has no address"


def test_a_resolver_that_hangs(plugin_of: PluginOf, names: Names) -> None:
    names["a.test"] = ["127.0.0.1"]
    names.delay = 3.0
    started = time.monotonic()
    assert err(plugin_of("a.test").get("https://a.test/", seconds=0.2)) == "a.test: the name lookup timed out"
    assert time.monotonic() - started < 2


def test_urls_that_are_none(plugin_of: PluginOf) -> None:
    assert err(plugin_of("a.test").get("https://a.test\\@b.test/")).startswith(
        "a URL with a space, a backslash"
    )
    assert err(plugin_of("a.test").get("\ud800")).startswith("a URL with a space, a backslash")
    assert "surrogates not allowed" in err(plugin_of("a.test").post("https://a.test/", "\ud800"))


def test_each_allowed_request_counts_for_the_grant_that_allowed_it_and_names_no_other_host() -> None:
    grants = [Capability.parse(text) for text in ("http:*.example.com", "http:other.example.org")]
    hosts = Hosts(CapabilitySet.of(grants), print)
    for url in ("https://a.example.com/x", "https://b.example.com/", "https://other.example.org/"):
        hosts.check(urls.parse(url))
    with pytest.raises(NotGranted):
        hosts.check(urls.parse("https://elsewhere.example.net/"))
    assert hosts.used == {grants[0]: 2, grants[1]: 1}
