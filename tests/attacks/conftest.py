"""The world the attacks on documents share: every test must leave it as it found it, which is asserted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Publisher
from support.community import Community
from support.gitserver import GitServer
from support.pull_requests import Forge, forge
from support.sandbox import WASM, Sandbox

from attacks.tampering import Studio, World, commit_as, install, snapshot
from tarkpm.core.key import public_key


@pytest.fixture(scope="session")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root: Path = tmp_path_factory.mktemp("world")
    victim, mate = Sandbox(root / "victim"), Sandbox(root / "mate")
    with GitServer(root / "srv") as server:
        publisher = Publisher(victim, server, "text-tools")
        commits = {f"v{version}": publisher.release(version) for version in ("0.9.0", "1.0.0", "1.1.0")}
        evil_key = victim.key("evil")
        evil_wasm = WASM + b"\0\x01\0"  # an empty custom section: another module that does the same
        victim.plugin(publisher.folder, wasm=evil_wasm, sign="evil")
        commits["evil"] = commit_as(publisher, "evil")
        (publisher.folder / "plugin.dsse.json").unlink()
        commits["unsigned"] = commit_as(publisher, "unsigned")
        publisher.repo.publish(server.root, "mirror")
        install(victim, publisher)
        toml, lock = ((victim.cwd / name).read_bytes() for name in ("tark.toml", "tark.lock"))
        for name, data in (("tark.toml", toml), ("tark.lock", lock)):
            (mate.cwd / name).write_bytes(data)
        yield World(
            victim, mate, server, publisher, commits, public_key(evil_key), server.url("mirror"), toml, lock
        )


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """A victim, a teammate, a server and its attacker; only documents may be edited, and are restored."""
    before = snapshot(_world.victim)
    _world.server.requests.clear()
    yield _world
    _world.restore()
    _world.victim.run("sync").ok()
    assert snapshot(_world.victim) == before


@pytest.fixture(scope="session")
def _studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture
def studio(_studio: Studio) -> Studio:
    """A publisher who means harm, whose releases all must be refused."""
    _studio.clear()
    return _studio


@pytest.fixture(scope="session")
def forged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """Releases of two plugins from every kind of place, for pull requests to be made of."""
    with forge(tmp_path_factory.mktemp("forge")) as made:
        yield made


@pytest.fixture
def community(sandbox: Sandbox) -> Community:
    """An index with one plugin and one release; nobody's proposal waits."""
    found = Community(sandbox)
    found.claim()
    found.publish("1.0.0")
    return found
