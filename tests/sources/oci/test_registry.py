"""The client against CNCF distribution: plain, Basic, Bearer, TLS; and against what other registries do."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from host.imports.web import make_authority
from support.daemons import needed
from support.ociregistry import OciRegistry, login, oci_registry
from support.oddregistry import Handler, OddRegistry
from support.releases import make_release

from tarkpm.core.names import STATEMENT
from tarkpm.core.oci.artifact import EncodedArtifact, ModuleNames, encode
from tarkpm.core.oci.decode import decode, parse_manifest
from tarkpm.errors import DigestMismatch, NotFound, Refused, Unreachable
from tarkpm.io.parallel import run_parallel
from tarkpm.sources.oci import Registry

NAME = "plugins/calc"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("oci")


@pytest.fixture(scope="module")
def authority(folder: Path) -> tuple[Path, Path]:
    return make_authority(folder, "localhost")


@pytest.fixture(scope="module", params=["plain", "htpasswd", "token", "tls"])
def running(
    request: pytest.FixtureRequest, folder: Path, authority: tuple[Path, Path]
) -> Iterator[tuple[OciRegistry, dict[str, str]]]:
    kind: str = request.param
    auth, tls = {"plain": ("", None), "tls": ("htpasswd", authority[1])}.get(kind, (kind, None))
    with oci_registry(folder / kind, auth=auth, tls=tls) as registry:
        environment = login(folder / f"docker-{kind}", registry.host) if auth else {}
        yield registry, environment | ({"SSL_CERT_FILE": str(authority[0])} if tls else {})


@pytest.fixture
def odd() -> Iterator[OddRegistry]:
    with OddRegistry() as registry:
        yield registry


def artifact() -> tuple[EncodedArtifact, bytes]:
    release = make_release()
    files = {name: data for name, data in release.contents.items() if name != STATEMENT}
    encoded = encode(
        files, release.candidate.manifest, ModuleNames((), ()), statement=release.contents[STATEMENT]
    )
    return encoded, files["plugin.wasm"]


def push(registry: Registry, tag: str = "1.0.0") -> str:
    """As `publish` does it."""
    encoded, wasm = artifact()
    with pytest.raises(NotFound):
        registry.manifest(NAME, tag, push=True)
    registry.push_blob(NAME, wasm)
    registry.push_blob(NAME, encoded.config)
    return registry.push_manifest(NAME, tag, encoded.manifest)


def test_a_release_is_pushed_and_pulled_in_few_requests(
    running: tuple[OciRegistry, dict[str, str]],
) -> None:
    server, environment = running
    # Basic costs one request more than none, Bearer two.
    more = 2 if server.tokens else 1 if environment else 0
    with Registry(server.host, environment) as registry:
        digest = push(registry)
    assert len(server.requests) == 6 + more
    with Registry(server.host, environment) as registry:
        found = registry.manifest(NAME, "1.0.0")
        manifest = parse_manifest(found.data, where="here")
        assert manifest.inline is not None
        module = decode(manifest, manifest.inline, where="here").module
        wasm = registry.blob(NAME, manifest.wasm.digest, module.size)
    assert (found.digest, wasm) == (digest, artifact()[1])
    assert len(server.requests) == 2 + more
    with Registry(server.host, environment) as registry:
        assert registry.manifest(NAME, digest) == found
        assert registry.tags(NAME) == ["1.0.0"]
        assert registry.has_blob(NAME, manifest.wasm.digest)
        assert not registry.has_blob(NAME, "sha256:" + "0" * 64)
        # what is there costs no upload
        server.requests  # noqa: B018  looked at, so that only later ones are counted
        registry.push_blob(NAME, wasm)
        assert server.requests[:1] == [f"POST /v2/{NAME}/blobs/uploads/ 201"]
        with pytest.raises(NotFound) as caught:
            registry.manifest(NAME, "2.0.0")
        assert caught.value.message == "the registry does not have the tag '2.0.0'"


def test_skopeo_reads_what_was_pushed(folder: Path) -> None:
    skopeo = needed("skopeo", shutil.which("skopeo"))
    with oci_registry(folder / "skopeo") as server, Registry(server.host, {}) as registry:
        digest = push(registry)
        copied = folder / "copied"
        copy = [skopeo, "--tmpdir", str(folder), "copy", "--src-tls-verify=false"]
        subprocess.run(
            [*copy, f"docker://{server.host}/{NAME}:1.0.0", f"dir:{copied}"], check=True, capture_output=True
        )
        encoded, wasm = artifact()
        assert (copied / "manifest.json").read_bytes() == encoded.manifest
        assert (copied / encoded.wasm.digest.removeprefix("sha256:")).read_bytes() == wasm
        back = f"docker://{server.host}/copy/calc:1.0.0"
        subprocess.run(
            [*copy[:-1], "--dest-tls-verify=false", f"dir:{copied}", back], check=True, capture_output=True
        )
        assert registry.manifest("copy/calc", "1.0.0").digest == digest


def test_without_a_login(folder: Path) -> None:
    with oci_registry(folder / "locked", auth="htpasswd") as server:
        with Registry(server.host, {}) as registry, pytest.raises(Unreachable) as caught:
            registry.manifest(NAME, "1.0.0")
        assert caught.value.message == (
            "the registry requires a login to read the repository, or does not have it (HTTP 401)"
        )
        assert caught.value.hint == f"docker login {server.host}"
        wrong = login(folder / "wrong", server.host, password="sesame-sesame")
        with Registry(server.host, wrong) as registry, pytest.raises(Unreachable) as caught:
            registry.push_manifest(NAME, "1.0.0", b"{}")
        said = f"{caught.value.message} {caught.value.where} {caught.value.hint}"
        assert "does not permit this login to push to the repository" in said
        assert "sesame" not in said


def test_a_byte_changed_in_the_registry_is_found(folder: Path) -> None:
    with oci_registry(folder / "damaged") as server, Registry(server.host, {}) as registry:
        digest = push(registry)
        encoded, wasm = artifact()
        file = server.blob_file(encoded.wasm.digest)
        file.write_bytes(bytes([*wasm[:-1], wasm[-1] ^ 1]))
        with pytest.raises(DigestMismatch):
            registry.blob(NAME, encoded.wasm.digest, len(wasm))
        server.blob_file(digest).write_bytes(encoded.manifest.replace(b"calc", b"clac"))
        with pytest.raises((DigestMismatch, NotFound, Unreachable)):
            registry.manifest(NAME, digest)


def test_an_identity_token_is_exchanged(odd: OddRegistry, tmp_path: Path) -> None:
    odd.put(b"{}", "1.0.0")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {odd.host: {"identitytoken": "refresh me"}}}))
    bodies: list[bytes] = []

    def token(handler: Handler) -> bool:
        bodies.append(handler.body)
        return handler.reply(200, b'{"access_token":"t"}')

    def ask(handler: Handler) -> bool:
        challenge = f'Bearer realm="{odd.url}/token?a=b",service="s s"'
        return handler.sent.get("authorization") != "Bearer t" and handler.reply(
            401, WWW_Authenticate=challenge
        )

    odd.answers = {"/token?a=b": token, "/v2/": ask}
    with Registry(odd.host, {"DOCKER_CONFIG": str(tmp_path)}) as registry:
        registry.manifest(NAME, "1.0.0")
    assert parse_qs(bodies[0].decode()) == {
        "scope": [f"repository:{NAME}:pull"],
        "service": ["s s"],
        "grant_type": ["refresh_token"],
        "refresh_token": ["refresh me"],
        "client_id": ["tarkpm"],
    }
    assert "authorization" not in odd.headers[1]


def test_a_token_that_expired_is_renewed_once(odd: OddRegistry) -> None:
    odd.put(b"{}", "1.0.0")
    made = [0]

    def token(handler: Handler) -> bool:
        made[0] += 1
        return handler.reply(200, b'{"token":"%d"}' % made[0])

    def ask(handler: Handler) -> bool:
        valid = handler.sent.get("authorization") == f"Bearer {made[0]}" and made[0] != 1
        return not valid and handler.reply(401, WWW_Authenticate=f'Bearer realm="{odd.url}/token"')

    odd.answers = {"/token": token, "/v2/": ask}
    with Registry(odd.host, {}) as registry:
        with pytest.raises(Unreachable):  # the first token is refused at once, and no third try follows
            registry.manifest(NAME, "1.0.0")
        assert len(odd.requests) == 3
        assert registry.manifest(NAME, "1.0.0").data == b"{}"
        assert registry.manifest(NAME, "1.0.0").data == b"{}"
    assert made == [2]


def test_many_repositories_at_once(folder: Path) -> None:
    with oci_registry(folder / "many", auth="token") as server:
        environment = login(folder / "docker-many", server.host)
        names = [f"many/calc{number}" for number in range(12)]
        with Registry(server.host, environment, threads=8) as registry:

            def both(name: str) -> bytes:
                digest = registry.push_blob(name, name.encode())
                return registry.blob(name, digest, len(name))

            assert run_parallel(both, names, threads=8) == [name.encode() for name in names]


def test_tags_of_many_pages(odd: OddRegistry) -> None:
    names = [f"1.0.{number}" for number in range(7)]
    odd.put(b"{}", *names)
    for odd.page in (0, 1, 3, 7):
        with Registry(odd.host, {}) as registry:
            assert registry.tags(NAME) == names


def test_a_busy_registry_is_asked_again_when_it_says_so(odd: OddRegistry) -> None:
    digest, pauses, left = odd.put(b"{}", "1.0.0"), list[float](), [3]

    def busy(handler: Handler) -> bool:
        left[0] -= 1
        return left[0] > 0 and handler.reply(429, Retry_After="7")

    odd.answers["/v2/"] = busy
    with Registry(odd.host, {}, sleep=pauses.append) as registry:
        assert registry.manifest(NAME, "1.0.0").digest == digest
        assert pauses == [7.0, 7.0]
        odd.answers["/v2/"] = lambda handler: handler.reply(503)
        with pytest.raises(Unreachable) as caught:
            registry.manifest(NAME, "1.0.0")
        assert caught.value.message == "the server failed with HTTP status 503"
        assert pauses == [7.0, 7.0, 0.5, 1.0]
        odd.answers["/v2/"] = lambda handler: handler.reply(429, Retry_After="3600")
        with pytest.raises(Unreachable) as caught:
            registry.manifest(NAME, "1.0.0")
        assert caught.value.hint == "wait 3,600 seconds, then run the command again"
        assert len(pauses) == 4


@pytest.mark.parametrize("resumes", [True, False])
def test_an_upload_that_breaks_off_goes_on(odd: OddRegistry, resumes: bool) -> None:
    data = bytes(range(256)) * 4096
    odd.broken["PUT"] = 400_000
    if not resumes:  # as distribution, which forgets it
        odd.answers[f"/v2/{NAME}/blobs/uploads/0"] = lambda handler: (
            handler.command == "GET" and handler.reply(404)
        )
    with Registry(odd.host, {}) as registry:
        digest = registry.push_blob(NAME, data)
    assert odd.blobs[digest] == data
    methods = [line.partition(" ")[0] for line in odd.requests]
    assert methods == ["POST", "PUT", "GET", *(["PATCH", "PUT"] if resumes else ["POST", "PUT"])]
    sent = sum(int(headers.get("content-length", "0")) for headers in odd.headers)
    assert (sent == 2 * len(data) - 400_000) is resumes


def test_a_registry_that_refuses_to_mount(odd: OddRegistry) -> None:
    odd.mounts = False
    with Registry(odd.host, {}) as registry:
        assert odd.blobs[registry.push_blob(NAME, b"data")] == b"data"
    assert [line.partition(" ")[0] for line in odd.requests] == ["POST", "POST", "PUT"]


def test_a_refusal_names_the_code_and_nothing_else(odd: OddRegistry) -> None:
    odd.answers["/v2/"] = lambda handler: handler.reply(
        400, b'{"errors":[{"code":"MANIFEST_INVALID","message":"secret"}]}'
    )
    with Registry(odd.host, {}) as registry, pytest.raises(Refused) as caught:
        registry.push_manifest(NAME, "1.0.0", b"{}")
    assert caught.value.message == "the registry refuses the manifest (MANIFEST_INVALID, HTTP 400)"
