"""A plugin with a secret bound to it, servers with TLS that repeat what they are sent, and a resolver.

The value is in no argument of the plugin and in no answer it may get: `Holder` looks at every one.
"""

import base64
import json
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from host.imports.conftest import Names
from host.imports.web import Asked, Script, Web, make_authority, ok

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import NotFound
from tarkpm.host.imports.http import Http
from tarkpm.host.imports.secrets import Secrets
from tarkpm.host.imports.ws import Sockets
from tarkpm.io.http_request import USUAL, RequestLimits
from tarkpm.io.proxies import DIRECT, Proxies

VALUE = "ghp_a/B+c=d&e<f>%20\"g'h\\i~0123456789"
"""It has a character of each class that an encoding changes."""
AUTHORIZATION = f"Bearer {VALUE}"
HOST_NAMES = ("localhost", "127.0.0.1", "api.test", "sub.api.test", "other.test")


def spellings(value: str = VALUE) -> dict[str, str]:
    """Ways in which a server may repeat a value, made without the code under test."""
    quoted = "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in value)
    data = value.encode()
    return {
        "plain": value,
        "percent": quoted,
        "percent in lower case": "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in value),
        "percent in a URL in a URL": quoted.replace("%", "%2525"),
        "in upper case": value.upper(),
        "in lower case": value.lower(),
        "form": urllib.parse.urlencode({"": value})[1:],
        "base64": base64.b64encode(data).decode(),
        "base64url": base64.urlsafe_b64encode(data).decode(),
        "base64 behind one byte": base64.b64encode(b":" + data).decode(),
        "base64 behind a name": base64.b64encode(b"me:" + data + b"\n").decode(),
        "base64url behind two bytes": base64.urlsafe_b64encode(b"a:" + data + b"?").decode(),
        "json": json.dumps({"a": value}),
        "json with slashes": json.dumps(value).replace("/", "\\/"),
        "html": value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        .replace('"', "&quot;").replace("'", "&#39;"),
        "hex": data.hex(),
    }  # fmt: skip


def parts(text: str, size: int = 12) -> set[str]:
    """Every run of ``size`` characters: one of a spelling that is found in an answer is a leak."""
    return {text[at : at + size] for at in range(len(text) - size + 1)}


LEAKS = set().union(*map(parts, spellings().values()))


class Holder:
    """A plugin with these http grants, and secrets bound for these hosts, by id."""

    def __init__(
        self,
        scopes: list[str],
        bound: dict[str, str],
        authorities: str,
        limits: RequestLimits,
        proxies: Proxies,
    ) -> None:
        self.reports: list[str] = []
        self.values = {"github": VALUE}
        self.reads: list[str] = []
        granted = CapabilitySet.from_table({"http": scopes}).union(
            CapabilitySet.of(Capability("secret", f"{id_}={text}") for id_, text in bound.items())
        )
        secrets = Secrets(granted, self._read, self.reports.append, known=self.values.get)
        how: Any = {"authorities": authorities, "limits": limits, "proxies": proxies, "secrets": secrets}
        self.http = Http(granted, self.reports.append, **how)
        self.sockets = Sockets(granted, self.reports.append, **how)

    def _read(self, name: str) -> str:
        self.reads.append(name)
        if name not in self.values:
            raise NotFound(f"there is no secret named '{name}'", hint=f"tarkpm secret set {name}")
        return self.values[name]

    def get(self, url: str, *headers: tuple[str, str]) -> Any:
        return self._kept(self.http.call("get", (url, list(headers)), time.monotonic() + 10))

    def post(self, url: str, body: str, *headers: tuple[str, str]) -> Any:
        return self._kept(self.http.call("post", (url, body, list(headers)), time.monotonic() + 10))

    def ws(self, function: str, *args: Any) -> Any:
        return self._kept(self.sockets.call(function, args, time.monotonic() + 10))

    def _kept(self, answer: Any) -> Any:
        """The answer, in which there is no part of the secret in any spelling, nor in any report."""
        text = json.dumps([answer, self.reports], ensure_ascii=False)
        texts = [text, *_strings(answer)]
        assert not [part for one in texts for part in parts(one) & LEAKS], answer
        return answer


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _strings(item)]


HolderOf = Callable[..., Holder]


def echo(make: Callable[[str], bytes] = str.encode, *headers: str, status: str = "200 OK") -> Script:
    """Repeat the authorization header, as ``make`` spells it, in the body."""

    def answer(asked: Asked, connection: socket.socket) -> None:
        ok(make(asked["authorization"] or "nothing"), *headers, status=status)(asked, connection)

    return answer


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An authority's certificate, and a server's key and certificate from it."""
    return make_authority(tmp_path_factory.mktemp("secret-authority"), *HOST_NAMES)


@pytest.fixture
def tls_context(tls_files: tuple[Path, Path]) -> Callable[[], ssl.SSLContext]:
    """Make a context for a server with that certificate."""

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls_files[1])
        return context

    return make


@pytest.fixture
def holder_of(tls_files: tuple[Path, Path]) -> Iterator[HolderOf]:
    """Make a plugin: ``scopes`` are http grants, and the secret is bound for the host ``to``."""
    made: list[Holder] = []

    def make(
        *scopes: str,
        to: str,
        header: str = "authorization",
        format: str = "Bearer {}",  # noqa: A002
        name: str = "github",
        limits: RequestLimits = USUAL,
        proxies: Proxies = DIRECT,
        **more: str,
    ) -> Holder:
        bound = {"token": f"{name} to {to} as {header}: {format}", **more}
        made.append(Holder(list(scopes), bound, str(tls_files[0]), limits, proxies))
        return made[-1]

    yield make
    for holder in made:
        holder.http.close()
        holder.sockets.close()


@pytest.fixture
def api(tls_context: Callable[[], ssl.SSLContext]) -> Iterator[Web]:
    """The server the secret is for."""
    web = Web(tls_context())
    yield web
    web.close()


@pytest.fixture
def other(tls_context: Callable[[], ssl.SSLContext]) -> Iterator[Web]:
    """Another server with TLS."""
    web = Web(tls_context())
    yield web
    web.close()


@pytest.fixture
def plain() -> Iterator[Web]:
    """A server without TLS."""
    web = Web()
    yield web
    web.close()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The machine's resolver, for the length of a test."""
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.answer)
    return names
