"""A file that has the id of another one in git: SHA-1 is broken, so the id of an object proves nothing.

No pair of colliding git objects is public (the published collisions have another id once git's header stands
before them), and neither hashlib nor dulwich would notice one. So a collision is made here by telling tarkpm that
both files have one id. What refuses the other file is its SHA-256: in the signed statement, and in the lock.
"""

import hashlib
import zlib
from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import WASM, Sandbox

from attacks.tampering import installed_files, unchanged
from tarkpm.sources.git import local, packfile
from tarkpm.sources.git.objects import object_id

EVIL = WASM.replace(b"missing", b"MISSING", 1)
"""Another module that can run, of the same size."""


def oid(data: bytes) -> str:
    return object_id("blob", data)


@pytest.fixture
def collide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give EVIL the id of WASM."""

    def colliding(kind: str, data: bytes) -> str:
        return object_id(kind, WASM if data == EVIL else data)

    for module in (local, packfile):
        monkeypatch.setattr(module, "object_id", colliding)


def swap(repository: Path) -> None:
    """Put EVIL where a repository has WASM, under the same id."""
    file = repository / "objects" / oid(WASM)[:2] / oid(WASM)[2:]
    file.chmod(0o644)
    file.write_bytes(zlib.compress(b"blob %d\0" % len(EVIL) + EVIL))


@pytest.mark.usefixtures("collide")
@pytest.mark.parametrize("signed", [True, False])
def test_a_file_with_the_id_of_another(sandbox: Sandbox, publisher: Publisher, signed: bool) -> None:
    publisher.release(sign="release" if signed else "")
    repository = publisher.server.root / "text-tools.git"
    url = repository.as_uri()
    sandbox.init()
    words = ("--trust", publisher.key) if signed else ("--allow-unsigned", "text-tools")
    sandbox.run("add", url, "--tag", "v1.0.0", *words, "--accept-capabilities").ok()
    good = installed_files(sandbox)
    assert good["plugin.wasm"] == WASM
    swap(repository)
    mate = Sandbox(sandbox.root / "mate")
    for name in ("tark.toml", "tark.lock"):
        (mate.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    expected = "'plugin.wasm' has sha256" if signed else "the source contents of 'text-tools' differ"
    mate.run("sync", "--accept-project").failed(3, expected)
    assert not (mate.plugins / "text-tools").exists()
    if signed:  # without a signature, a first `add` takes what is there, as it does from any server
        newcomer = Sandbox(sandbox.root / "newcomer")
        newcomer.init()
        with unchanged(newcomer):
            newcomer.run("add", url, "--tag", "v1.0.0", *words, "--accept-capabilities").failed(
                3, "'plugin.wasm' has sha256"
            )


def test_without_the_collision_the_id_is_enough(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    repository = publisher.server.root / "text-tools.git"
    swap(repository)
    sandbox.init()
    sandbox.run("add", repository.as_uri(), "--tag", "v1.0.0", "--trust", publisher.key).failed(
        2, "is damaged"
    )
    assert hashlib.sha1(b"blob %d\0" % len(EVIL) + EVIL).hexdigest() == oid(EVIL) != oid(WASM)
