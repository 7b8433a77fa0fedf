"""A merge leaves a conflict in tark.lock, and what is resolved again is worse than both sides were."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from support.gitrepo import GitRepo, git
from support.indexed import IndexedProject
from support.indexrepo import public
from support.sandbox import Sandbox

from tarkpm.core.claim import Claim
from tarkpm.core.release import PluginName

NAME = "text-tools"
CONSENT = "--accept-capabilities"


def lock(sandbox: Sandbox) -> str:
    return (sandbox.cwd / "tark.lock").read_text()


def conflicted(sandbox: Sandbox, *sides: str) -> None:
    """Write what git leaves of two locks without a driver for them: markers around all of it."""
    ours, theirs = sides
    (sandbox.cwd / "tark.lock").write_text(f"<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> side\n")


@pytest.fixture
def merged(indexed: IndexedProject) -> IndexedProject:
    """A project in which one side locked 1.1.0 and the other 1.2.0."""
    sandbox = indexed.sandbox
    indexed.release(NAME)
    indexed.use()
    sandbox.run("add", NAME, CONSENT).ok()
    sides = []
    for version in ("1.1.0", "1.2.0"):
        indexed.release(NAME, version)
        sandbox.run("update").ok()
        sides.append(lock(sandbox))
    conflicted(sandbox, *sides)
    return indexed


def test_an_index_that_hides_both(merged: IndexedProject) -> None:
    """A thief of its online key, or a mirror from before."""
    sandbox, repo = merged.sandbox, merged.repo
    listing = repo.listings[NAME]
    repo.put_listing(replace(listing, rows=tuple(row for row in listing.rows if row.version.minor == 0)))
    repo.publish()
    before = lock(sandbox)
    refused = sandbox.run("lock").failed(4, f"'{NAME}' 1.0.0 is older than the locked version 1.1.0")
    assert "help: tarkpm lock --allow-downgrade" in refused.err
    assert lock(sandbox) == before
    sandbox.run("lock", "--allow-downgrade").ok()
    assert 'version = "1.0.0"' in lock(sandbox)


def test_the_lower_side_is_not_older(merged: IndexedProject) -> None:
    """Neither side is taken for its place, and what one of them has is nothing new."""
    sandbox, repo = merged.sandbox, merged.repo
    listing = repo.listings[NAME]
    repo.put_listing(replace(listing, rows=tuple(row for row in listing.rows if row.version.minor < 2)))
    repo.publish()
    said = sandbox.run("lock").ok()
    assert 'version = "1.1.0"' in lock(sandbox)
    assert "1.1.0 (tool) new" not in said.err


def test_another_key_in_a_clone(merged: IndexedProject, tmp_path: Path) -> None:
    """Where nothing was accepted yet, both sides name the key that is to sign."""
    mate = Sandbox(tmp_path / "mate")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(merged.sandbox.cwd / name, mate.cwd / name)
    new = Ed25519PrivateKey.generate()
    merged.repo.put_claim(Claim(PluginName(NAME), public(new)))
    merged.keys[NAME] = new
    merged.release(NAME, "1.3.0")
    mate.run("lock", "--accept-project").failed(4, "is signed by a different key", f"--trust {public(new)}")
    mate.run("lock", "--accept-project", "--trust", public(new)).ok()


def test_a_repository_that_goes_back_or_changes_a_version(sandbox: Sandbox) -> None:
    repo, key = GitRepo(sandbox.root / "repo"), sandbox.key()
    sandbox.init()

    def release(version: str, **more: Any) -> None:
        sandbox.plugin(repo.folder, version=version, sign="release", **more)
        repo.git("add", "--all")
        repo.commit(version)

    release("1.0.0")
    url = f"file://{repo.folder}"
    sandbox.run("add", url, "-b", "main", "--trust", key, CONSENT).ok()
    sides = []
    for version in ("1.1.0", "1.2.0"):
        release(version)
        sandbox.run("update").ok()
        sides.append(lock(sandbox))
    conflicted(sandbox, *sides)
    git(repo.folder, "reset", "--quiet", "--hard", "HEAD~2")
    sandbox.run("lock").failed(4, f"'{NAME}' 1.0.0 is older than the locked version 1.1.0")
    release("1.2.0", extra="# others\n")
    sandbox.run("lock").failed(4, f"the contents of '{NAME}' 1.2.0 differ from the locked 1.2.0")
    release("1.3.0")
    sandbox.run("lock").ok()
    assert 'version = "1.3.0"' in lock(sandbox)


def mate_of(sandbox: Sandbox, root: Path) -> Sandbox:
    """Somebody else with the same tark.toml, who has locked nothing yet."""
    mate = Sandbox(root)
    shutil.copy(sandbox.cwd / "tark.toml", mate.cwd / "tark.toml")
    return mate


@pytest.mark.parametrize("pulled", [False, True])
def test_a_side_that_this_user_never_accepted(indexed: IndexedProject, tmp_path: Path, pulled: bool) -> None:
    """Without the conflict, `sync` would ask about the older release that a branch, or both, locks."""
    sandbox, repo = indexed.sandbox, indexed.repo
    indexed.use()
    mate, add = mate_of(sandbox, tmp_path / "mate"), ("add", f"{NAME}@^1.0", CONSENT, "--accept-project")
    locks = list[str]()
    for version in ("1.0.0", "1.1.0"):
        indexed.release(NAME, version)
        mate.run(*(("update",) if locks else add)).ok()
        locks.append(lock(mate))
    indexed.release(NAME, "1.2.0")
    sandbox.run(*add).ok()
    listing = repo.listings[NAME]
    repo.put_listing(replace(listing, rows=tuple(row for row in listing.rows if row.version.minor < 2)))
    repo.publish()
    conflicted(sandbox, locks[0] if pulled else lock(sandbox), locks[1])
    older = "1.2.0, which you accepted before" if pulled else "the locked version 1.2.0"
    sandbox.run("lock").failed(4, f"'{NAME}' 1.1.0 is older than {older}", "--allow-downgrade")


def test_other_contents_that_this_user_never_accepted(sandbox: Sandbox, tmp_path: Path) -> None:
    repo, key = GitRepo(sandbox.root / "repo"), sandbox.key()
    sandbox.init()
    mate = mate_of(sandbox, tmp_path / "mate")
    for one, text in ((mate, "# others\n"), (sandbox, "# ours\n")):
        sandbox.plugin(repo.folder, sign="release", extra=text)
        repo.git("add", "--all")
        repo.commit("1.0.0")
        add = "add", f"file://{repo.folder}", "-b", "main", "--trust", key, CONSENT
        one.run(*add, "--accept-project").ok()
    conflicted(sandbox, lock(sandbox), lock(mate))
    git(repo.folder, "reset", "--quiet", "--hard", "HEAD~1")
    sandbox.run("lock").failed(4, f"the contents of '{NAME}' 1.0.0 differ from the locked 1.0.0")
