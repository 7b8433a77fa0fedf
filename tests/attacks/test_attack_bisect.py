"""A bisection brings nothing back that was taken away: not on its way, and not at its end."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.indexed import IndexedProject
from support.indexrepo import public
from support.sandbox import Sandbox

from tarkpm.core.claim import Claim
from tarkpm.core.release import PluginName

NAME = "text-tools"
STORAGE = "[capabilities]\nstorage = true\n"
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def project(indexed: IndexedProject) -> IndexedProject:
    """Generations 3 (1.0.0) to 6 (1.3.0)."""
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0"):
        indexed.release(NAME, version, STORAGE)
        if version == "1.0.0":
            indexed.use()
        words = ("add", NAME) if version == "1.0.0" else ("update",)
        indexed.sandbox.run(*words, "--accept-capabilities").ok()
    return indexed


def granted(sandbox: Sandbox) -> bool:
    return "storage = true" in (sandbox.cwd / "tark.toml").read_text()


def numbers(sandbox: Sandbox) -> list[int]:
    return sorted(one["number"] for one in sandbox.run("log", "--json").ok().json["generations"])


def test_a_grant_that_was_revoked_before(project: IndexedProject) -> None:
    sandbox = project.sandbox
    sandbox.run("revoke", NAME, "storage").ok()
    newest = numbers(sandbox)[-1]
    found = sandbox.run("bisect", "start", str(newest), "1", "--json", "--accept-project").ok().json
    assert not granted(sandbox)
    said = "it goes beyond what you accept now: let 'text-tools' use storage"
    assert set(found["skipped"].values()) == {said}
    assert len(found["skipped"]) == 4
    sandbox.run("bisect", "reset").ok()
    assert not granted(sandbox)
    # A person reads each reason once.
    shown = sandbox.run("bisect", "start", str(newest), "1").ok().out.splitlines()
    assert shown[0] == f"skipped generations {', '.join(sorted(found['skipped'], key=int))}: {said}"
    assert not shown[1].startswith("skipped")
    sandbox.run("bisect", "reset").ok()


def test_a_grant_that_was_revoked_meanwhile(project: IndexedProject) -> None:
    sandbox = project.sandbox
    newest = numbers(sandbox)[-1]
    sandbox.run("bisect", "start", str(newest), "2").ok()
    sandbox.run("revoke", NAME, "storage").ok()
    for words in (("good",), ("bad",), ("reset",)):
        sandbox.run("bisect", *words).failed(4, "changed since the last step of the bisection")
        assert not granted(sandbox)
    sandbox.run("bisect", "reset", "--here").ok()
    assert not granted(sandbox)


def test_a_revoked_release_is_skipped(project: IndexedProject) -> None:
    sandbox, repo = project.sandbox, project.repo
    gone = repo.listings[NAME].rows[1].statement.sha256
    repo.put_claim(Claim(PluginName(NAME), public(project.keys[NAME]), revoked=frozenset([gone])))
    repo.publish()
    newest = numbers(sandbox)[-1]
    found = sandbox.run("bisect", "start", str(newest), str(newest - 3), "--json").ok().json
    while found["state"] == "testing":
        assert "1.1.0" not in sandbox.run("list").ok().out
        found = sandbox.run("bisect", "bad", "--json").ok().json
    (why,) = found["skipped"].values()
    assert "was revoked" in why
    sandbox.run("bisect", "reset").ok()
    sandbox.run("verify").ok()
