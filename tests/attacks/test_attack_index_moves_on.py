"""An index changes after the user was asked: what it says by now is not what was accepted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.indexrepo import IndexRepo, public
from support.indexserver import IndexServer
from support.pull_requests import MANIFEST_MORE
from support.sandbox import WASM, Sandbox

from attacks.tampering import replace_in

OTHER = WASM + b"\0\x01\0"


@dataclass
class Team:
    """A lead, a victim who synced the lead's project, and the index both use."""

    lead: Sandbox
    victim: Sandbox
    repo: IndexRepo
    keys: dict[str, Ed25519PrivateKey]

    def release(self, name: str, version: str, wasm: bytes = WASM, more: str = MANIFEST_MORE) -> None:
        self.repo.release(name, version, self.keys[name], wasm=wasm, more=more)
        self.repo.publish()

    def pull(self, *names: str) -> None:
        """The victim gets what the lead committed."""
        for name in names or ("tark.toml", "tark.lock"):
            (self.victim.cwd / name).write_bytes((self.lead.cwd / name).read_bytes())

    def rotate(self, name: str) -> str:
        """The index gives a plugin to another key, which publishes; the lead accepts it. Returns the key."""
        rotated = Ed25519PrivateKey.generate()
        before = frozenset(row.statement.sha256 for row in self.repo.listings[name].rows)
        self.repo.claim(name, rotated, retired={public(self.keys[name]): before})
        self.keys[name] = rotated
        self.release(name, "1.1.0", OTHER)
        self.lead.run("update", name, "--accept-capabilities", "--trust", public(rotated)).ok()
        return public(rotated)

    def installed(self, name: str) -> bytes:
        return (self.victim.plugins / name / "plugin.wasm").read_bytes()


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    lead, victim = Sandbox(tmp_path / "lead"), Sandbox(tmp_path / "victim")
    repo = IndexRepo(tmp_path / "index")
    with IndexServer(repo.folder) as server:
        lead.init()
        names = ("calc", "memo", "third", "dep", "app")
        made = Team(lead, victim, repo, {name: repo.claim(name) for name in names})
        for name in ("calc", "memo", "third", "dep"):
            made.release(name, "1.0.0")
        made.release("app", "1.0.0", more='[dependencies]\ndep = "^1"\n')
        lead.run("index", "add", "good", server.url, "--root", repo.root_digest).ok()
        lead.run("add", "good:calc", "good:memo", "--accept-capabilities").ok()
        made.pull()
        victim.run("sync", "--accept-project").ok()
        yield made


@pytest.mark.parametrize(
    "words", [("update", "memo", "-y"), ("add", "good:third", "-y", "--accept-capabilities"), ("lock", "-y")]
)
def test_another_verb_does_not_take_the_rotated_keys_release(team: Team, words: tuple[str, ...]) -> None:
    """The victim's claim is from before: the entry was refused, nobody asked, and then the claim was learnt."""
    rotated = team.rotate("calc")
    team.release("memo", "1.1.0")
    team.pull("tark.lock")
    if words[0] == "lock":  # so that the index must be asked
        replace_in(team.victim.cwd / "tark.toml", 'memo = "^1.0.0"', 'memo = "^1.1.0"')
    team.victim.run(*words).failed(4, f"→ {rotated}")
    team.victim.run("sync").failed(4, f"→ {rotated}")
    assert team.installed("calc") == WASM


def test_the_digest_of_a_lock_that_is_refused_accepts_nothing_else(team: Team) -> None:
    rotated = team.rotate("calc")
    team.release("memo", "1.1.0")
    good = (team.lead.cwd / "tark.lock").read_text()
    lock = team.victim.cwd / "tark.lock"
    lock.write_text(good.replace(rotated, public(Ed25519PrivateKey.generate())))
    digest = team.victim.run("accept", "--print", "--json").ok().json["digest"]
    lock.write_text(good)
    team.victim.run("update", "memo", "-y", f"--accept-project={digest}").failed(4)
    assert team.installed("calc") == WASM


def test_a_dependency_that_was_planted_in_the_lock_holds_no_version(team: Team) -> None:
    team.lead.run("add", "good:app", "--accept-capabilities").ok()
    text = (team.lead.cwd / "tark.lock").read_text()
    found = re.search(r'\[\[plugin\]\]\nname = "dep"\n.*?(?=\n\[\[plugin|\Z)', text, re.DOTALL)
    assert found is not None
    team.release("dep", "1.1.0", OTHER)
    lock = team.victim.cwd / "tark.lock"
    lock.write_text(lock.read_text() + "\n" + found[0].rstrip("\n") + "\n")
    team.victim.run("sync").failed(1, "nothing in tark.toml")
    done = team.victim.run("add", "good:app", "-y", "--accept-capabilities").ok()
    assert "dep 1.1.0 (tool) new" in done.err
    assert team.installed("dep") == OTHER


def test_a_plugin_that_was_planted_in_the_lock_is_new_when_it_is_added(team: Team) -> None:
    team.lead.run("add", "good:third", "--accept-capabilities").ok()
    team.pull("tark.lock")
    done = team.victim.run("add", "good:third", "-y", "--accept-capabilities").ok()
    assert "third 1.0.0 (tool) new" in done.err
    assert "added third" in done.out
