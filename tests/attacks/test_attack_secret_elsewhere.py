"""A secret reaches exactly the host it is bound for: not by redirects, ports, names, proxies or plain http."""

import base64
import socket

import pytest
from host.imports.conftest import Names
from host.imports.web import Asked, Proxy, Script, Web, ok, redirect
from support.secret_fixtures import AUTHORIZATION, LEAKS, VALUE, HolderOf, parts

from tarkpm.io.proxies import Proxies


def seen(web: Web) -> str:
    """All that arrived at a server, but for the header that it is to get."""
    return "\n".join(f"{asked.target} {asked.headers} {asked.body!r}" for asked in web.asked)


def assert_unseen(web: Web) -> None:
    assert not parts(seen(web)) & LEAKS, seen(web)


def test_the_host_gets_it_and_the_plugin_does_not(holder_of: HolderOf, api: Web) -> None:
    api.pages["/"] = ok(b"hello")
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, to=scope)
    assert plugin.reads == []
    assert plugin.get(f"https://{scope}/?q", ("Accept", "text/plain"))["ok"]["body"] == "hello"
    assert api.asked[0]["authorization"] == AUTHORIZATION
    assert plugin.post(f"https://{scope}/", "{}")["ok"]["body"] == "hello"
    assert api.asked[1]["authorization"] == AUTHORIZATION
    assert plugin.reads == ["github"] * 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["another host", "a subdomain", "the domain above", "another port"])
def test_a_redirect_elsewhere(
    holder_of: HolderOf, api: Web, other: Web, resolver: Names, to: str, status: int
) -> None:
    for name in ("api.test", "sub.api.test", "other.test"):
        resolver[name] = ["127.0.0.1"]
    bound = "sub.api.test" if to == "the domain above" else "api.test"
    targets = {
        "another host": ("other.test", api),
        "a subdomain": ("sub.api.test", api),
        "the domain above": ("api.test", api),
        "another port": ("api.test", other),
    }
    name, web = targets[to]
    api.pages["/"] = redirect(f"https://{name}:{web.port}/next", status)
    web.pages["/next"] = ok()
    both = (f"private:{bound}:{api.port}", f"private:{name}:{web.port}")
    plugin = holder_of(*both, to=f"{bound}:{api.port}")
    assert "ok" in plugin.post(f"https://{bound}:{api.port}/", "x")
    assert api.asked[0]["authorization"] == AUTHORIZATION
    arrived = web.asked[-1]
    assert (arrived.target, arrived["authorization"]) == ("/next", None)
    # And back: a server that was visited in between would choose what is done with the secret.
    web.pages["/next"] = redirect(f"https://{bound}:{api.port}/delete")
    api.pages["/delete"] = ok()
    assert "ok" in plugin.get(f"https://{bound}:{api.port}/")
    assert (api.asked[-1].target, api.asked[-1]["authorization"]) == ("/delete", None)


def test_a_redirect_from_elsewhere(holder_of: HolderOf, api: Web, other: Web) -> None:
    """A server that the plugin may ask sends the request to the host of the secret."""
    other.pages["/"] = redirect(f"https://localhost:{api.port}/delete")
    api.pages["/delete"] = ok()
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, f"localhost:{other.port}", to=scope)
    assert "ok" in plugin.get(f"https://localhost:{other.port}/")
    assert api.asked[0]["authorization"] is None
    assert plugin.reads == []


def test_a_redirect_on_the_same_host(holder_of: HolderOf, api: Web) -> None:
    api.pages["/"] = redirect("/next")
    api.pages["/next"] = ok()
    scope = f"localhost:{api.port}"
    assert "ok" in holder_of(scope, to=scope).get(f"https://{scope}/")
    assert [asked["authorization"] for asked in api.asked] == [AUTHORIZATION] * 2


def test_out_of_tls(holder_of: HolderOf, api: Web, plain: Web) -> None:
    api.pages["/"] = redirect(f"http://localhost:{plain.port}/")
    plain.pages["/"] = ok()
    plugin = holder_of(f"localhost:{api.port}", f"localhost:{plain.port}", to=f"localhost:{api.port}")
    error = plugin.get(f"https://localhost:{api.port}/")["err"]
    assert (error["message"], error["status"]) == ("a redirect must not leave https", 302)
    assert plain.connections == 0


def test_plain_http_to_the_very_host_and_port(holder_of: HolderOf, plain: Web) -> None:
    """The user bound it for this host and port; without TLS it is not sent there, either."""
    plain.pages["/"] = ok()
    scope = f"localhost:{plain.port}"
    plugin = holder_of(scope, to=scope)
    assert "ok" in plugin.get(f"http://{scope}/")
    assert plain.asked[0]["authorization"] is None
    assert plugin.reads == []


def echoed_in_location(target: str) -> Script:
    def answer(asked: Asked, connection: socket.socket) -> None:
        value = (asked["authorization"] or "").removeprefix("Bearer ")
        spelled = "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in value)
        redirect(f"{target}?token={spelled}")(asked, connection)

    return answer


@pytest.mark.parametrize("to", ["other", "itself"])
def test_a_redirect_that_carries_it_in_the_url(holder_of: HolderOf, api: Web, other: Web, to: str) -> None:
    port = other.port if to == "other" else api.port
    api.pages["/"] = echoed_in_location(f"https://localhost:{port}/next")
    api.pages["/next"] = other.pages["/next"] = ok()
    plugin = holder_of(f"localhost:{api.port}", f"localhost:{other.port}", to=f"localhost:{api.port}")
    error = plugin.get(f"https://localhost:{api.port}/")["err"]
    assert error == {"message": "a redirect must not repeat a secret", "status": 302}
    assert (len(api.asked), other.connections) == (1, 0)


@pytest.mark.parametrize(
    "url", ["https://other.test:{}/", "https://sub.api.test:{}/", "https://localhost:{}/"]
)
def test_a_plugin_that_asks_another_host(holder_of: HolderOf, api: Web, resolver: Names, url: str) -> None:
    for name in ("api.test", "sub.api.test", "other.test"):
        resolver[name] = ["127.0.0.1"]
    api.pages["/"] = ok()
    names = ("api.test", "sub.api.test", "other.test")
    scopes = [f"private:{name}:{api.port}" for name in names]
    plugin = holder_of(*scopes, f"localhost:{api.port}", to=f"api.test:{api.port}")
    assert "ok" in plugin.get(url.format(api.port))
    assert_unseen(api)
    assert plugin.reads == []


def test_each_host_gets_its_own(holder_of: HolderOf, api: Web, other: Web) -> None:
    """Two secrets: neither is sent to the other's host, whatever the plugin asks."""
    api.pages["/"] = other.pages["/"] = ok()
    one, two = f"localhost:{api.port}", f"localhost:{other.port}"
    plugin = holder_of(one, two, to=one, key=f"second to {two} as x-api-key: {{}}")
    plugin.values["second"] = "another-secret"
    assert "ok" in plugin.get(f"https://{one}/")
    assert "ok" in plugin.get(f"https://{two}/")
    assert (api.asked[0]["authorization"], api.asked[0]["x-api-key"]) == (AUTHORIZATION, None)
    assert (other.asked[0]["authorization"], other.asked[0]["x-api-key"]) == (None, "another-secret")


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_a_plugin_that_sets_the_header_itself(holder_of: HolderOf, api: Web, other: Web, name: str) -> None:
    api.pages["/"] = other.pages["/"] = ok()
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, f"localhost:{other.port}", to=scope)
    error = plugin.get(f"https://{scope}/", (name, "Bearer mine"))["err"]
    assert error["message"] == f"https://{scope}: the header 'authorization' is set by tarkpm"
    assert (api.connections, plugin.reads) == (0, [])
    # To another host the header is the plugin's own matter.
    assert "ok" in plugin.get(f"https://localhost:{other.port}/", (name, "Bearer mine"))
    assert other.asked[0]["authorization"] == "Bearer mine"


def test_a_header_that_a_server_takes_for_the_same(holder_of: HolderOf, api: Web) -> None:
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, to=scope, header="x-api-key", format="{}")
    assert "is set by tarkpm" in plugin.get(f"https://{scope}/", ("X_Api_Key", "x"))["err"]["message"]
    assert api.connections == 0


@pytest.mark.parametrize("name", ["Host", "host", "Connection", "Proxy-Authorization", "Transfer-Encoding"])
def test_a_host_header_of_the_plugin(holder_of: HolderOf, api: Web, name: str) -> None:
    """Behind a shared front end, the Host header says which server gets the request."""
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, to=scope)
    error = plugin.get(f"https://{scope}/", (name, "other.test"))["err"]
    assert error["message"] == f"the header '{name.lower()}' is set by tarkpm"
    assert (api.connections, plugin.reads) == (0, [])


@pytest.mark.parametrize(
    "url", ["https://{}/\r\nX: y", "https://{}@other.test/", "https://{}./", "https://{}%2e/"]
)
def test_urls_that_parsers_read_differently(holder_of: HolderOf, api: Web, url: str) -> None:
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, to=scope)
    assert "err" in plugin.get(url.format(scope))
    assert (api.connections, plugin.reads) == (0, [])


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1"])
def test_a_name_that_leads_into_the_user_s_network(
    holder_of: HolderOf, api: Web, resolver: Names, address: str
) -> None:
    """DNS rebinding: nothing is connected to, so nothing is sent."""
    resolver["api.test"] = [address]
    scope = f"api.test:{api.port}"
    error = holder_of(scope, to=scope).get(f"https://{scope}/")["err"]
    assert error["message"].endswith("address, which is not granted")
    assert api.connections == 0


def test_a_name_that_is_bound_again(holder_of: HolderOf, api: Web, resolver: Names) -> None:
    """DNS rebinding between two requests, or between a look and the connection."""
    resolver.answers["api.test"] = [["127.0.0.1"], ["169.254.169.254"]]
    api.pages["/"] = ok()
    scope = f"api.test:{api.port}"
    plugin = holder_of(f"private:{scope}", to=scope)
    assert "ok" in plugin.get(f"https://{scope}/")
    assert plugin.get(f"https://{scope}/")["err"]["message"].endswith("address, which is not granted")
    assert (len(api.asked), resolver.looked_up) == (1, ["api.test"] * 2)


def test_a_server_without_the_host_s_certificate(holder_of: HolderOf, api: Web, resolver: Names) -> None:
    resolver["evil.test"] = ["127.0.0.1"]
    api.pages["/"] = ok()
    scope = f"evil.test:{api.port}"
    error = holder_of(f"private:{scope}", to=scope).get(f"https://{scope}/")["err"]
    assert "certificate is not valid" in error["message"]
    assert api.asked == []


def test_a_proxy_sees_the_tunnel_only(holder_of: HolderOf, api: Web) -> None:
    api.pages["/"] = ok()
    proxy = Proxy(api.port)
    try:
        proxies = Proxies(https=f"http://127.0.0.1:{proxy.port}")
        plugin = holder_of("api.test", to="api.test", proxies=proxies)
        assert plugin.get("https://api.test/")["ok"]["status"] == 200
        (asked,) = proxy.asked
        assert (asked.method, asked.target, asked["authorization"]) == ("CONNECT", "api.test:443", None)
        assert api.asked[0]["authorization"] == AUTHORIZATION
    finally:
        proxy.close()


def test_a_proxy_that_answers_itself(holder_of: HolderOf, api: Web) -> None:
    proxy = Proxy(api.port, status=f"407 {base64.b64encode(VALUE.encode()).decode()}")
    try:
        plugin = holder_of("api.test", to="api.test", proxies=Proxies(https=f"http://127.0.0.1:{proxy.port}"))
        assert "err" in plugin.get("https://api.test/")
        assert "authorization" not in dict(proxy.asked[0].headers)
    finally:
        proxy.close()


def test_a_secret_that_is_not_set(holder_of: HolderOf, api: Web) -> None:
    """The request is refused rather than sent without it, and the plugin does not learn the user's name for it."""
    scope = f"localhost:{api.port}"
    plugin = holder_of(scope, to=scope, name="work")
    error = plugin.get(f"https://{scope}/")["err"]
    assert error == {"message": f"{scope}: the secret 'token' is not available", "status": None}
    assert plugin.reports == [
        "needs the secret 'token': there is no secret named 'work' (tarkpm secret set work)"
    ]
    assert api.connections == 0
