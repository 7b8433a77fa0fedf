"""A hostile registry, or somebody on the way to one: what it says must neither be believed nor get a login."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from host.imports.web import make_authority
from support.daemons import free_port
from support.ociregistry import login
from support.oddregistry import Handler, OddRegistry

from tarkpm.core.oci.artifact import MAX_OCI_MANIFEST
from tarkpm.errors import DigestMismatch, NotFound, Refused, SourceError, TooLarge, Unreachable
from tarkpm.sources.oci import Registry
from tarkpm.sources.oci.authorization import TokenScope

NAME = "plugins/calc"
DATA = b"a module"
SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_authority(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture
def odd() -> Iterator[OddRegistry]:
    with OddRegistry() as registry:
        yield registry


@pytest.fixture
def store() -> Iterator[OddRegistry]:
    """Another server, to which a registry redirects."""
    with OddRegistry() as registry:
        yield registry


@pytest.fixture
def environment(tmp_path: Path, odd: OddRegistry) -> dict[str, str]:
    return login(tmp_path / "docker", odd.host, password=SECRET)


def signed_in(odd: OddRegistry, challenge: str = 'Basic realm="x"') -> None:
    """Make a registry ask for a login, once for every request without one."""
    odd.answers["/v2/"] = lambda handler: (
        "authorization" not in handler.sent and handler.reply(401, WWW_Authenticate=challenge)
    )


def secrets(server: OddRegistry) -> list[dict[str, str]]:
    return [headers for headers in server.headers if "authorization" in headers]


def said(problem: BaseException) -> str:
    assert isinstance(problem, SourceError)
    return f"{problem.message} {problem.where} {problem.hint} {problem.bare}"


def test_other_bytes_than_the_digest(odd: OddRegistry) -> None:
    digest = odd.put(DATA)
    for other in (b"a moduli", b"a modul", b""):
        odd.blobs[digest] = odd.manifests[digest] = other
        with Registry(odd.host, {}) as registry:
            with pytest.raises(DigestMismatch):
                registry.blob(NAME, digest, len(DATA))
            with pytest.raises(DigestMismatch):  # whatever Docker-Content-Digest says
                registry.manifest(NAME, digest)


def test_a_tag_is_identified_by_its_bytes(odd: OddRegistry) -> None:
    digest = odd.put(b"{}", "1.0.0")  # the registry claims another digest
    with Registry(odd.host, {}) as registry:
        assert registry.manifest(NAME, "1.0.0").digest == digest


def endless(handler: Handler) -> bool:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while True:  # until the client hangs up
        handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def test_endless_bodies(odd: OddRegistry) -> None:
    digest = odd.put(DATA)
    odd.answers["/v2/"] = endless
    start = time.monotonic()
    with Registry(odd.host, {}) as registry:
        with pytest.raises(TooLarge, match="more than 8 bytes"):
            registry.blob(NAME, digest, len(DATA))
        with pytest.raises(TooLarge, match=f"more than {MAX_OCI_MANIFEST:,} bytes"):
            registry.manifest(NAME, "1.0.0")
        with pytest.raises(TooLarge):
            registry.tags(NAME)
        with pytest.raises(TooLarge):
            registry.blob(NAME, digest, 1 << 40)
    assert time.monotonic() - start < 5


def test_an_endless_refusal_is_cut(odd: OddRegistry) -> None:
    def refuse(handler: Handler) -> bool:
        handler.send_response(404)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    odd.answers["/v2/"] = refuse
    with Registry(odd.host, {}) as registry, pytest.raises(NotFound):
        registry.manifest(NAME, "1.0.0")


def test_pages_without_end(odd: OddRegistry) -> None:
    body = json.dumps({"tags": ["1.0.0"]}).encode()
    odd.answers["/v2/"] = lambda handler: handler.reply(200, body, Link=f'<{handler.path}>; rel="next"')
    with Registry(odd.host, {}) as registry, pytest.raises(TooLarge, match="more than 100 pages"):
        registry.tags(NAME)


def test_slow_pages(odd: OddRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is in time, and all of them together are not."""
    monkeypatch.setattr("tarkpm.sources.oci.registry.TAGS_SECONDS", 0.0)
    body = json.dumps({"tags": ["1.0.0"]}).encode()
    odd.answers["/v2/"] = lambda handler: handler.reply(200, body, Link=f'<{handler.path}>; rel="next"')
    with Registry(odd.host, {}) as registry, pytest.raises(Unreachable, match="within 0 seconds"):
        registry.tags(NAME)
    assert len(odd.requests) == 1


@pytest.mark.parametrize("link", ["http://127.0.0.1:9/v2/x", "//127.0.0.1:9/", "http:/x", "ftp://h/x"])
def test_a_page_of_another_server(odd: OddRegistry, environment: dict[str, str], link: str) -> None:
    odd.answers["/v2/"] = lambda handler: handler.reply(200, b"{}", Link=f'<{link}>; rel="next"')
    with Registry(odd.host, environment) as registry, pytest.raises(Unreachable, match="link to more tags"):
        registry.tags(NAME)


def test_texts_that_are_no_tags_are_left_out(odd: OddRegistry) -> None:
    body = json.dumps({"tags": ["1.0.0", "../x", "a b", "\x1b[2J", "", "x" * 200, "1.0.0+x"]}).encode()
    odd.answers["/v2/"] = lambda handler: handler.reply(200, body)
    with Registry(odd.host, {}) as registry:
        assert registry.tags(NAME) == ["1.0.0"]


def test_a_redirect_gets_no_login(odd: OddRegistry, store: OddRegistry, environment: dict[str, str]) -> None:
    digest = store.put(DATA)
    odd.put(DATA)
    signed_in(odd)

    def elsewhere(handler: Handler) -> bool:
        target = f"{store.url}/v2/{NAME}/blobs/{digest}?signature=x"
        return handler.reply(307, Location=target)

    odd.answers = {f"/v2/{NAME}/blobs/": elsewhere, **odd.answers}
    with Registry(odd.host, environment) as registry:
        registry._session.request("GET", "/v2/", TokenScope(NAME))  # it has signed in
        assert registry.blob(NAME, digest, len(DATA)) == DATA
    assert secrets(odd)
    assert store.requests
    assert not secrets(store)


def test_a_store_that_does_not_answer_is_named_without_its_permission(odd: OddRegistry) -> None:
    target = f"http://127.0.0.1:{free_port()}"
    odd.answers["/v2/"] = lambda handler: handler.reply(307, Location=f"{target}/x?signature={SECRET}")
    with Registry(odd.host, {}) as registry, pytest.raises(Unreachable) as caught:
        registry.blob(NAME, "sha256:" + "0" * 64, 1)
    assert (caught.value.where, caught.value.hint) == (target, f"see whether it answers: curl -I {target}")
    assert SECRET not in said(caught.value)


def test_a_token_server_that_does_not_answer(odd: OddRegistry, environment: dict[str, str]) -> None:
    target = f"http://127.0.0.1:{free_port()}"
    signed_in(odd, f'Bearer realm="{target}/token?x={SECRET}",service="x"')
    with Registry(odd.host, environment) as registry, pytest.raises(Unreachable) as caught:
        registry.manifest(NAME, "1.0.0")
    assert (caught.value.where, caught.value.hint) == (target, f"see whether it answers: curl -I {target}")
    assert SECRET not in said(caught.value)


def test_redirects_end(odd: OddRegistry) -> None:
    odd.answers["/v2/"] = lambda handler: handler.reply(307, Location=handler.path + "x")
    with Registry(odd.host, {}) as registry, pytest.raises(Unreachable, match="more than 3 times"):
        registry.blob(NAME, "sha256:" + "0" * 64, 1)
    assert len(odd.requests) == 4


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://registry.example/x", "plain http is only for a registry on this machine"),
        ("ftp://registry.example/x", "expected a URL like https://host/path"),
        ("file:///etc/passwd", "expected a URL like https://host/path"),
        ("http://me:secret@127.0.0.1/x", "a URL with a user name or password is not accepted"),
        ("///evil.example/x", "expected the Location of a redirect to be a URL or a path"),
    ],
)
def test_a_redirect_to_where_nobody_should_go(odd: OddRegistry, location: str, message: str) -> None:
    odd.answers["/v2/"] = lambda handler: handler.reply(307, Location=location)
    with Registry(odd.host, {}) as registry, pytest.raises(Refused) as caught:
        registry.blob(NAME, "sha256:" + "0" * 64, 1)
    assert caught.value.message == message


def test_no_redirect_leaves_https(authority: tuple[Path, Path], store: OddRegistry) -> None:
    digest = store.put(DATA)
    with OddRegistry(authority[1]) as odd:
        odd.answers["/v2/"] = lambda handler: handler.reply(307, Location=f"{store.url}{handler.path}")
        environment = {"SSL_CERT_FILE": str(authority[0])}
        with Registry(odd.host, environment) as registry, pytest.raises(Refused) as caught:
            registry.blob(NAME, digest, len(DATA))
    assert caught.value.message == "a redirect must not leave https"
    assert not store.requests


def test_an_upload_elsewhere_gets_no_login(
    odd: OddRegistry, store: OddRegistry, environment: dict[str, str]
) -> None:
    store.uploads.append(b"")
    place = f"{store.url}/v2/{NAME}/blobs/uploads/0"
    signed_in(odd)
    ask = odd.answers["/v2/"]
    odd.answers["/v2/"] = lambda handler: (
        ask(handler) or (handler.command == "POST" and handler.reply(202, Location=place))
    )
    with Registry(odd.host, environment) as registry:
        assert store.blobs[registry.push_blob(NAME, DATA)] == DATA
    assert secrets(odd)
    assert not secrets(store)


@pytest.mark.parametrize(
    "location", ["http://registry.example/upload", "ftp://x/y", "", "http://a@127.0.0.1/u"]
)
def test_an_upload_to_where_nobody_should_go(odd: OddRegistry, location: str) -> None:
    odd.answers["/v2/"] = lambda handler: handler.reply(202, Location=location)
    with Registry(odd.host, {}) as registry, pytest.raises((Refused, Unreachable)):
        registry.push_blob(NAME, DATA)
    assert not any(line.startswith("PUT") for line in odd.requests)


def test_a_token_server_without_https(
    authority: tuple[Path, Path], store: OddRegistry, tmp_path: Path
) -> None:
    with OddRegistry(authority[1]) as odd:
        signed_in(odd, f'Bearer realm="{store.url}/token",service="x"')
        environment = login(tmp_path, odd.host, password=SECRET) | {"SSL_CERT_FILE": str(authority[0])}
        with Registry(odd.host, environment) as registry, pytest.raises(Refused) as caught:
            registry.manifest(NAME, "1.0.0")
    assert "token server without https" in caught.value.message
    assert not store.requests


@pytest.mark.parametrize(
    "realm",
    ["http://token.example/t", "file:///etc/passwd", "//x", "https://me:x@h/t", "https://h/#", "x" * 9000],
)
def test_a_realm_that_is_no_token_server(odd: OddRegistry, environment: dict[str, str], realm: str) -> None:
    signed_in(odd, f'Bearer realm="{realm}",service="x"')
    with Registry(odd.host, environment) as registry, pytest.raises(SourceError) as caught:
        registry.manifest(NAME, "1.0.0")
    assert SECRET not in said(caught.value)


def token(odd: OddRegistry, hook: Callable[[Handler], bool]) -> None:
    signed_in(odd, f'Bearer realm="{odd.url}/token",service="x",scope="repository:*:pull,push,delete"')
    odd.answers["/token"] = hook


def test_the_scope_is_ours(odd: OddRegistry, environment: dict[str, str]) -> None:
    odd.put(b"{}", "1.0.0")
    token(odd, lambda handler: handler.reply(200, b'{"access_token":"t"}'))
    with Registry(odd.host, environment) as registry:
        registry.manifest(NAME, "1.0.0")
    asked = next(line for line in odd.requests if "/token" in line)
    assert asked == "GET /token?scope=repository%3Aplugins%2Fcalc%3Apull&service=x"


@pytest.mark.parametrize(
    "body",
    [
        b'{"token":"a\\r\\nX-Evil: 1"}',
        b'{"token":"' + b"x" * 40_000 + b'"}',
        b'{"token":"\\u00e9"}',
        b'{"token":1}',
        b"{}",
        b"[]",
        b"",
        b"[" * 50_000,
    ],
)
def test_a_token_that_is_none(odd: OddRegistry, environment: dict[str, str], body: bytes) -> None:
    token(odd, lambda handler: handler.reply(200, body))
    with Registry(odd.host, environment) as registry, pytest.raises(Unreachable) as caught:
        registry.manifest(NAME, "1.0.0")
    assert caught.value.message == "the token server's response is not a token"
    assert SECRET not in said(caught.value)


def test_a_token_server_does_not_redirect(
    odd: OddRegistry, store: OddRegistry, environment: dict[str, str]
) -> None:
    token(odd, lambda handler: handler.reply(307, Location=f"{store.url}/token"))
    with Registry(odd.host, environment) as registry, pytest.raises(Unreachable, match="HTTP 307"):
        registry.manifest(NAME, "1.0.0")
    assert not store.requests


def test_a_token_server_without_end(odd: OddRegistry, environment: dict[str, str]) -> None:
    token(odd, endless)
    with Registry(odd.host, environment) as registry, pytest.raises(TooLarge):
        registry.manifest(NAME, "1.0.0")


def test_a_registry_that_never_has_enough(odd: OddRegistry, environment: dict[str, str]) -> None:
    """It asks for a login for ever: the login is sent once."""
    odd.answers["/v2/"] = lambda handler: handler.reply(401, SECRET.encode(), WWW_Authenticate="Basic")
    with Registry(odd.host, environment) as registry, pytest.raises(Unreachable) as caught:
        registry.manifest(NAME, "1.0.0")
    assert len(odd.requests) == 2
    assert SECRET not in said(caught.value)
    assert SECRET not in repr(registry.__dict__)


def test_a_registry_elsewhere_is_not_asked_without_https() -> None:
    with Registry("registry.example:80", {"https_proxy": "http://127.0.0.1:1"}) as registry:
        assert registry._session.origin == "https://registry.example:80"


def test_a_login_is_for_its_registry(odd: OddRegistry, environment: dict[str, str]) -> None:
    with OddRegistry() as other:
        signed_in(other)
        with Registry(other.host, environment) as registry, pytest.raises(Unreachable):
            registry.manifest(NAME, "1.0.0")
        assert not secrets(other)
