"""A plugin's http import, servers to ask, and a resolver that says what a test wants."""

import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host.imports.web import Web, make_authority
from tarkpm.core.capability import CapabilitySet
from tarkpm.host.imports.http import Http
from tarkpm.io.http_request import USUAL, RequestLimits
from tarkpm.io.proxies import DIRECT, Proxies


class Plugin:
    """What a plugin with these grants can ask of the web."""

    def __init__(self, scopes: list[str], authorities: str, limits: RequestLimits, proxies: Proxies) -> None:
        self.reports: list[str] = []
        granted = CapabilitySet.from_table({"http": scopes})
        self.http = Http(
            granted, self.reports.append, authorities=authorities, limits=limits, proxies=proxies
        )

    def get(self, url: str, *headers: tuple[str, str], seconds: float = 10.0) -> Any:
        return self.http.call("get", (url, list(headers)), time.monotonic() + seconds)

    def post(self, url: str, body: str, *headers: tuple[str, str]) -> Any:
        return self.http.call("post", (url, body, list(headers)), time.monotonic() + 10)


PluginOf = Callable[..., Plugin]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An authority's certificate, and a server's key and certificate from it."""
    names = ("localhost", "127.0.0.1", "::1", "a.test", "b.test", "*.wild.test")
    return make_authority(tmp_path_factory.mktemp("authority"), *names)


@pytest.fixture
def plugin_of(authority: tuple[Path, Path]) -> Iterator[PluginOf]:
    """Make a plugin with these http grants; it trusts the tests' authority."""
    made: list[Plugin] = []

    def make(
        *scopes: str, limits: RequestLimits = USUAL, proxies: Proxies = DIRECT, authorities: str | None = None
    ) -> Plugin:
        trusts = str(authority[0]) if authorities is None else authorities
        made.append(Plugin(list(scopes), trusts, limits, proxies))
        return made[-1]

    yield make
    for plugin in made:
        plugin.http.close()


@pytest.fixture
def web() -> Iterator[Web]:
    """A server without TLS."""
    web = Web()
    yield web
    web.close()


def _tls(authority: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority[1])
    return context


@pytest.fixture
def secure(authority: tuple[Path, Path]) -> Iterator[Web]:
    """A server with TLS, for localhost, 127.0.0.1, a.test, b.test and all of wild.test."""
    web = Web(_tls(authority))
    yield web
    web.close()


@pytest.fixture
def secure2(authority: tuple[Path, Path]) -> Iterator[Web]:
    """Another."""
    web = Web(_tls(authority))
    yield web
    web.close()


class Names:
    """What the resolver answers: the lists of addresses of a name, one after another, the last for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.looked_up: list[str] = []
        self.delay = 0.0
        self._real = socket.getaddrinfo

    def __setitem__(self, name: str, addresses: list[str]) -> None:
        self.answers[name] = [addresses]

    def answer(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        try:
            return self._real(host, port, *args, **(options | {"flags": socket.AI_NUMERICHOST}))
        except socket.gaierror:
            pass
        time.sleep(self.delay)
        self.looked_up.append(host)
        answers = self.answers.get(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The machine's resolver, for the length of a test."""
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.answer)
    return names


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses connected to; beyond this machine there is no network."""
    connected: list[str] = []
    real = socket.create_connection

    def connect(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        connected.append(address[0])
        if address[0] != "::1" and not address[0].startswith("127."):
            raise OSError(errno.ENETUNREACH, "no network in tests")
        return real(address, *args, **options)

    monkeypatch.setattr(socket, "create_connection", connect)
    return connected
