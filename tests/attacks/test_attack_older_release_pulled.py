"""A pull request that changes nothing but tark.lock: an older release of an accepted signer, or another one
under the version that was accepted. Both run other code than the user agreed to."""

import shutil

import pytest
from conftest import Publisher
from support.sandbox import WASM, Sandbox

from attacks.tampering import call, commit_as, installed_files, unchanged

DOCUMENTS = ("tark.toml", "tark.lock")
OTHER = WASM + b"\0\x01\0"


class Team:
    """Somebody who changes the project, and a colleague who pulls."""

    def __init__(self, sandbox: Sandbox, publisher: Publisher) -> None:
        self.author, self.publisher = sandbox, publisher
        self.mate = Sandbox(sandbox.root / "mate")
        self.locks: dict[str, bytes] = {}

    def lock(self, version: str, wasm: bytes = WASM, name: str = "") -> None:
        """Release a version, and lock it; the lock is kept under ``name``."""
        if "1.0.0" in self.locks:
            self.author.plugin(self.publisher.folder, version=version, wasm=wasm, sign="release")
            commit_as(self.publisher, f"v{name or version}")
            self.author.run("update", "--allow-republished", "--accept-tools").ok()
        else:
            self.publisher.release(version)
            self.author.init()
            words = ("-b", "main", "--trust", self.publisher.key, "--accept-capabilities")
            self.author.run("add", self.publisher.url, *words).ok()
        self.locks[name or version] = (self.author.cwd / "tark.lock").read_bytes()

    def pull(self, name: str) -> None:
        shutil.copy(self.author.cwd / "tark.toml", self.mate.cwd)
        (self.mate.cwd / "tark.lock").write_bytes(self.locks[name])


@pytest.fixture
def team(sandbox: Sandbox, publisher: Publisher) -> Team:
    found = Team(sandbox, publisher)
    found.lock("1.0.0")
    found.lock("1.1.0")
    found.pull("1.1.0")
    found.mate.run("sync", "--accept-project").ok()
    return found


def test_an_older_release_asks(team: Team) -> None:
    team.pull("1.0.0")
    text = "go back to an older release of 'text-tools': 1.1.0 → 1.0.0"
    with unchanged(team.mate):
        team.mate.run("sync").failed(4, text)
        call(team.mate).failed(4, text)
        team.mate.run("verify").failed(4, text)
    assert text in team.mate.run("accept", "--print").out
    team.mate.run("accept").failed(4)
    team.mate.run("sync", "--accept-project").ok()
    assert team.mate.run("list", "--json").ok().json["plugins"][0]["version"] == "1.0.0"


def test_a_release_that_was_accepted_before_does_not_ask(team: Team) -> None:
    """As two branches of a project have it."""
    team.pull("1.0.0")
    team.mate.run("sync", "--accept-project").ok()
    for name in ("1.1.0", "1.0.0", "1.1.0"):
        team.pull(name)
        team.mate.run("sync").ok()


def test_what_a_pull_raised_is_the_highest(team: Team) -> None:
    team.lock("1.2.0")
    team.lock("1.3.0")
    team.pull("1.3.0")
    team.mate.run("sync").ok()  # nobody was asked: it is newer
    team.pull("1.2.0")
    team.mate.run("sync").failed(4, "'text-tools': 1.3.0 → 1.2.0")


def test_other_contents_under_an_accepted_version_ask(team: Team) -> None:
    team.lock("1.1.0", OTHER, name="again")
    team.pull("again")
    text = "run 'text-tools' 1.1.0 with other contents than you accepted under that version"
    with unchanged(team.mate):
        team.mate.run("sync").failed(4, text)
        call(team.mate).failed(4, text)
    team.mate.run("sync", "--accept-project").ok()
    assert installed_files(team.mate)["plugin.wasm"] == OTHER


def test_the_digest_that_a_workflow_names_stays(team: Team) -> None:
    digest = team.mate.run("accept", "--print", "--json").json["digest"]
    team.pull("1.0.0")
    assert team.mate.run("accept", "--print", "--json").json["digest"] == digest
    team.mate.run("sync", f"--accept-project={digest}").ok()


def test_a_command_of_ones_own_goes_back_without_another_question(team: Team) -> None:
    team.publisher.repo.git("reset", "--quiet", "--hard", "v1.0.0")
    team.publisher.publish()
    team.author.run("update", "--allow-downgrade").ok()
    team.author.run("sync").ok()
    team.author.run("verify").ok()
