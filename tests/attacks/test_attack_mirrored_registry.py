"""A registry that lies to `mirror oci://…`: the one that is copied, the one that is filled, or the lock between them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.oci_publisher import OciPublisher
from support.ociregistry import OciRegistry, login, oci_registry
from support.oddregistry import Handler, OddRegistry
from support.sandbox import Result, Sandbox

from tarkpm.core.digest import sha256

SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciRegistry]:
    with oci_registry(tmp_path_factory.mktemp("source")) as running:
        yield running


@pytest.fixture
def odd() -> Iterator[OddRegistry]:
    """The registry that is filled."""
    with OddRegistry() as registry:
        yield registry


def _tools(
    sandbox: Sandbox, host: str, owner: str, name: str = "text-tools", sign: str = "release"
) -> OciPublisher:
    """A plugin in a registry, and a project that has it."""
    tools = OciPublisher(sandbox, host, name, f"{owner}/{name}")
    tools.release("1.0.0", sign=sign)
    if not (sandbox.cwd / "tark.toml").exists():
        sandbox.init()
    sandbox.run("add", tools.oci, "--trust", tools.key, "--accept-capabilities").ok()
    return tools


def _mate(sandbox: Sandbox, root: Path) -> Sandbox:
    """A machine with the same project and nothing in its store."""
    mate = Sandbox(root)
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, mate.cwd / name)
    return mate


def _mirror(mate: Sandbox, odd: OddRegistry, **options: Any) -> Result:
    return mate.run("mirror", f"oci://{odd.host}/m", "--accept-project", **options)


def _locked(sandbox: Sandbox) -> str:
    return (sandbox.cwd / "tark.lock").read_text().partition('digest = "')[2][:71]


def _nothing_came(odd: OddRegistry) -> None:
    assert not odd.blobs
    assert not odd.manifests
    assert not odd.uploads


def test_a_source_whose_blob_was_changed(
    sandbox: Sandbox, source: OciRegistry, odd: OddRegistry, tmp_path: Path
) -> None:
    tools = _tools(sandbox, source.host, "bytes")
    mate = _mate(sandbox, tmp_path / "mate")
    file = source.blob_file(f"sha256:{sha256((tools.folder / 'plugin.wasm').read_bytes())}")
    kept = file.read_bytes()
    file.write_bytes(kept.replace(b"a", b"b"))
    try:
        _mirror(mate, odd).failed(3, "the blob has digest sha256:", "expected sha256:")
    finally:
        file.write_bytes(kept)
    _nothing_came(odd)
    _mirror(mate, odd).ok()


def test_a_source_that_serves_another_manifest(sandbox: Sandbox, odd: OddRegistry, tmp_path: Path) -> None:
    with OddRegistry() as liar:
        _tools(sandbox, liar.host, "lies")
        mate = _mate(sandbox, tmp_path / "mate")
        evil = OciPublisher(sandbox, liar.host, "text-tools", "lies/text-tools")
        other = evil.release("1.0.0", tag="other", sign="evil")
        liar.manifests[_locked(sandbox)] = liar.manifests[other]
        _mirror(mate, odd).failed(3, f"the manifest has digest {other}, expected {_locked(sandbox)}")
        _nothing_came(odd)


def test_a_lock_that_pairs_a_plugin_with_another_manifest(
    sandbox: Sandbox, source: OciRegistry, odd: OddRegistry, tmp_path: Path
) -> None:
    """Both were pushed to the repository, and only one of them is what the project locked."""
    tools = _tools(sandbox, source.host, "pairs")
    evil = tools.release("1.0.0", tag="pull-request-7", sign="evil")
    mate = _mate(sandbox, tmp_path / "mate")
    lock = mate.cwd / "tark.lock"
    lock.write_text(lock.read_text().replace(_locked(sandbox), evil))
    _mirror(mate, odd).failed(3, "is signed by", "but tark.lock names")
    _nothing_came(odd)


def test_a_tag_that_moved_at_the_source(
    sandbox: Sandbox, source: OciRegistry, odd: OddRegistry, tmp_path: Path
) -> None:
    """What is signed is copied as it is locked. What is not is no longer what its tag says."""
    tools = _tools(sandbox, source.host, "moved")
    first = _locked(sandbox)
    tools.release("1.0.0", extra='homepage = "https://example.com"')
    _mirror(_mate(sandbox, tmp_path / "signed"), odd).ok()
    assert f"sha256:{sha256(odd.manifests['1.0.0'])}" == first

    other = Sandbox(tmp_path / "other")
    loose = OciPublisher(other, source.host, "text-tools", "moved-unsigned/text-tools")
    loose.release("1.0.0", sign="")
    other.init()
    other.run("add", loose.oci, "--allow-unsigned", "text-tools", "--accept-capabilities").ok()
    loose.release("1.0.0", sign="", extra='homepage = "https://example.com"')
    mate = _mate(other, tmp_path / "unsigned")
    with OddRegistry() as empty:
        _mirror(mate, empty).failed(3, "the tag 1.0.0 leads to another manifest")
        _nothing_came(empty)


def test_a_tag_of_the_mirror_is_never_moved(sandbox: Sandbox, source: OciRegistry, odd: OddRegistry) -> None:
    """Nothing is pushed if one of several tags has something else."""
    _tools(sandbox, source.host, "kept", "json-core", sign="other")
    _tools(sandbox, source.host, "kept")
    theirs = b'{"schemaVersion": 2}'
    place = f"/v2/m/{source.host.replace(':', '_')}/kept/text-tools/manifests/1.0.0"
    odd.answers[place] = lambda handler: handler.command == "GET" and handler.reply(200, theirs)
    _mirror(sandbox, odd).failed(
        2, f"the tag '1.0.0' leads to sha256:{sha256(theirs)}, expected sha256:", "mirror to another path"
    )
    _nothing_came(odd)
    assert all(line.startswith("GET") for line in odd.requests)


def test_a_mirror_that_claims_to_have_a_blob(sandbox: Sandbox, source: OciRegistry, odd: OddRegistry) -> None:
    """It takes the manifest, and nobody could install from it."""
    _tools(sandbox, source.host, "claims")
    odd.answers["/v2/"] = lambda handler: handler.command == "POST" and handler.reply(201)
    for _ in range(2):  # also when the tag is there
        _mirror(sandbox, odd).failed(2, "the registry does not have the blob sha256:")
    assert "1.0.0" in odd.manifests
    odd.answers.clear()
    _mirror(sandbox, odd).ok()


@pytest.mark.parametrize("part", ["blob", "manifest"])
def test_a_mirror_that_serves_other_bytes_back(
    sandbox: Sandbox, source: OciRegistry, odd: OddRegistry, part: str
) -> None:
    _tools(sandbox, source.host, f"back-{part}")

    def other(handler: Handler) -> bool:
        place = f"/{part}s/" in handler.path and "uploads" not in handler.path
        there = "1.0.0" in odd.manifests
        return place and there and handler.command == "GET" and handler.reply(200, b"{}")

    odd.answers["/v2/"] = other
    _mirror(sandbox, odd).failed(3, "expected")


def test_no_login_of_one_goes_to_the_other(sandbox: Sandbox, odd: OddRegistry, tmp_path: Path) -> None:
    """Both ask for one, the source for a Bearer token, and both redirect to a third server, which asks, too."""
    with OddRegistry() as source, OddRegistry() as third:
        publisher = _tools(sandbox, source.host, "logins")
        third.blobs.update(source.blobs)
        mate = _mate(sandbox, tmp_path / "mate")

        def wants(scheme: str, server: OddRegistry, handler: Handler) -> bool:
            realm = f'{scheme} realm="{server.url}/token"'
            return "authorization" not in handler.sent and handler.reply(401, WWW_Authenticate=realm)

        token = json.dumps({"token": "token-of-the-source"}).encode()
        blobs = f"/v2/{publisher.repository}/blobs/"
        source.answers = {
            "/token": lambda handler: handler.reply(200, token),
            blobs: lambda handler: handler.reply(307, Location=f"{third.url}{handler.path}"),
            "/v2/": lambda handler: wants("Bearer", source, handler),
        }
        third.uploads.append(b"")
        upload = f"{third.url}/v2/x/blobs/uploads/0"
        odd.answers["/v2/"] = lambda handler: (
            wants("Basic", odd, handler)
            or (handler.command == "POST" and handler.reply(202, Location=upload))
        )
        env = login(tmp_path / "docker", source.host, user="one", password=SECRET)
        both = json.loads((tmp_path / "docker" / "config.json").read_text())
        login(tmp_path / "docker", odd.host, user="two", password=SECRET)
        both["auths"] |= json.loads((tmp_path / "docker" / "config.json").read_text())["auths"]
        (tmp_path / "docker" / "config.json").write_text(json.dumps(both))
        _mirror(mate, odd, env=env).failed(2)  # both uploads got one address

        assert third.requests
        assert not any("authorization" in headers for headers in third.headers)
        ones, twos = ({headers.get("authorization", "") for headers in one.headers} for one in (source, odd))
        assert ones - {""}
        assert twos - {""}
        assert not ones & twos - {""}
