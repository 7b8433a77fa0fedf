"""A lock names a commit that the tag, branch or HEAD it was asked for never held.

Forges serve every commit of a network of forks by its id, so the repository's own URL is no proof of whose
commit it is: the commit must be reached from the ref.
"""

import shutil
from pathlib import Path

import pytest
from conftest import Publisher
from support.gitrepo import configure, git
from support.gitserver import GitServer
from support.sandbox import WASM, Sandbox

from attacks.tampering import help_of, installed_files, replace_in, unchanged

EVIL = WASM + b"\0\x02\x01x"
UNREACHED = "is not in the history of"


class Fork:
    """A publisher's repository whose server also holds a fork's commit, which no ref of it reaches."""

    def __init__(self, publisher: Publisher, *, signed: bool = False) -> None:
        self.publisher = publisher
        self.sign = "release" if signed else ""
        self.good = publisher.release("1.0.0", sign=self.sign)
        fork = publisher.sandbox.root / "fork"
        git(publisher.folder, "clone", "--quiet", str(publisher.folder), str(fork))
        (fork / "plugin.dsse.json").unlink(missing_ok=True)
        publisher.sandbox.plugin(fork, name=publisher.name, wasm=EVIL, sign=self.sign)
        git(fork, "add", "--all")
        git(fork, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "-m", "evil")
        self.evil = git(fork, "rev-parse", "HEAD")
        self.fork = fork
        self.push()

    @property
    def bare(self) -> Path:
        return self.publisher.server.root / f"{self.publisher.name}.git"

    def push(self) -> None:
        """Have the server hold the fork's objects, as a network of forks does."""
        git(self.fork, "push", "--quiet", str(self.bare), "HEAD:refs/heads/fork")
        git(self.bare, "update-ref", "-d", "refs/heads/fork")

    def add(self, sandbox: Sandbox, *ref: str) -> None:
        sandbox.init()
        trust = ("--trust", self.publisher.key) if self.sign else ("--allow-unsigned", self.publisher.name)
        sandbox.run("add", self.publisher.url, *ref, *trust, "--accept-capabilities").ok()

    def lock_evil(self, sandbox: Sandbox) -> None:
        """Edit the lock alone: another commit, and the digests of what it holds."""
        from tarkpm.core import lockfile
        from tarkpm.core.verification import verify_release

        file = sandbox.cwd / "tark.lock"
        (entry,) = lockfile.parse(file.read_bytes()).entries
        files = {name: (self.fork / name).read_bytes() for name in ("plugin.toml", "plugin.wasm")}
        envelope = (self.fork / "plugin.dsse.json").read_bytes() if self.sign else None
        source = entry.source.at(self.evil)  # type: ignore[union-attr]
        made = verify_release(files, envelope, source, where="evil").entry()
        file.write_bytes(lockfile.render(lockfile.Lock.of([made])))


REFS = [("--tag", "v1.0.0"), ("--branch", "main"), ()]


def _clone(sandbox: Sandbox) -> Sandbox:
    mate = Sandbox(sandbox.root / f"mate-{len(list(sandbox.root.glob('mate-*')))}")
    for name in ("tark.toml", "tark.lock"):
        (mate.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    return mate


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("ref", REFS)
def test_the_lock_names_a_forks_commit(
    sandbox: Sandbox, publisher: Publisher, ref: tuple[str, ...], signed: bool
) -> None:
    fork = Fork(publisher, signed=signed)
    fork.add(sandbox, *ref)
    good = installed_files(sandbox)
    fork.lock_evil(sandbox)
    refused = sandbox.run("sync", "--accept-project").failed(3, f"commit {fork.evil} {UNREACHED}")
    assert help_of(refused) == ["update", "text-tools"]
    assert installed_files(sandbox) == good
    mate = _clone(sandbox)
    mate.run("sync", "--accept-project").failed(3, UNREACHED)
    assert not list(mate.plugins.glob("*"))
    unsigned = () if signed else ("--allow-unsigned", "text-tools")
    sandbox.run("update", "-y", "--allow-republished", *unsigned).ok()
    assert installed_files(sandbox) == good


def test_what_was_stored_by_rev_proves_nothing(sandbox: Sandbox, publisher: Publisher) -> None:
    """A commit that another project of the same user named by itself is in the store, and stays refused."""
    fork = Fork(publisher)
    other = Sandbox(sandbox.root / "other")
    other.init()
    other.run(
        "add", publisher.url, "--rev", fork.evil, "--allow-unsigned", "text-tools", "--accept-capabilities"
    ).ok()
    fork.add(sandbox, "--tag", "v1.0.0")
    for place in ("git", "blobs", "sha256"):  # one user, two projects
        if (other.store / place).exists():
            shutil.copytree(other.store / place, sandbox.store / place, dirs_exist_ok=True)
    fork.lock_evil(sandbox)
    sandbox.run("sync", "--accept-project", "--offline").failed(5, "not in the store")
    sandbox.run("sync", "--accept-project").failed(3, UNREACHED)


def test_a_rev_is_what_was_named(sandbox: Sandbox, publisher: Publisher) -> None:
    fork = Fork(publisher)
    sandbox.init()
    sandbox.run(
        "add", publisher.url, "--rev", fork.evil, "--allow-unsigned", "text-tools", "--accept-capabilities"
    ).ok()
    publisher.server.requests.clear()
    mate = _clone(sandbox)
    mate.run("sync", "--accept-project").ok()
    assert len(publisher.server.requests) == 3  # what the server can do, commit and trees, files


@pytest.mark.parametrize("ref", REFS)
def test_a_ref_that_stayed_costs_one_request(
    sandbox: Sandbox, publisher: Publisher, ref: tuple[str, ...]
) -> None:
    fork = Fork(publisher)
    fork.add(sandbox, *ref)
    publisher.server.requests.clear()
    _clone(sandbox).run("sync", "--accept-project").ok()
    assert len(publisher.server.requests) == 4


@pytest.mark.parametrize("signed", [False, True])
def test_a_branch_that_moved_on_costs_one_more(sandbox: Sandbox, publisher: Publisher, signed: bool) -> None:
    """An older commit of main is in order; only commits are fetched to see that, however big their files."""
    fork = Fork(publisher, signed=signed)
    fork.add(sandbox, "--branch", "main")
    good = installed_files(sandbox)
    for number in range(40):
        publisher.repo.write("big.bin", bytes(range(256)) * 400 + number.to_bytes(2))
        publisher.repo.commit(f"more {number}")
    publisher.publish()
    publisher.server.requests.clear()
    mate = _clone(sandbox)
    mate.run("sync", "--accept-project").ok()
    assert installed_files(mate) == good
    assert len(publisher.server.requests) == 5
    assert sum(request.sent for request in publisher.server.requests) < 50_000


def test_a_merged_commit_is_reached(sandbox: Sandbox, publisher: Publisher) -> None:
    """By any parent, not the first alone."""
    fork = Fork(publisher)
    fork.add(sandbox, "--branch", "main")
    repo = publisher.repo
    repo.git("checkout", "--quiet", "--orphan", "side")
    repo.commit("side")
    repo.git("merge", "--quiet", "--allow-unrelated-histories", "-m", "merged", "-s", "ours", fork.good)
    repo.git("branch", "-f", "main", "side")
    repo.git("checkout", "--quiet", "main")
    publisher.publish()
    _clone(sandbox).run("sync", "--accept-project").ok()


def test_an_annotated_tag(sandbox: Sandbox, publisher: Publisher) -> None:
    fork = Fork(publisher)
    publisher.repo.git("tag", "-a", "-m", "signed", "big", fork.good)
    publisher.publish()
    fork.push()
    fork.add(sandbox, "--tag", "big")
    publisher.server.requests.clear()
    _clone(sandbox).run("sync", "--accept-project").ok()
    assert len(publisher.server.requests) == 4
    fork.lock_evil(sandbox)
    _clone(sandbox).run("sync", "--accept-project").failed(3, f"{UNREACHED} tag big")


def test_a_branch_that_was_forced_elsewhere(sandbox: Sandbox, publisher: Publisher) -> None:
    """The server still has the locked commit and gives it by its id; the branch does not."""
    fork = Fork(publisher)
    publisher.release("1.1.0", sign="")
    fork.add(sandbox, "--branch", "main")
    publisher.repo.git("reset", "--quiet", "--hard", "v1.0.0")
    publisher.repo.git("tag", "-d", "v1.1.0")
    publisher.repo.write("other", b"history")
    publisher.repo.commit("another one")
    publisher.publish()
    mate = _clone(sandbox)
    refused = mate.run("sync", "--accept-project").failed(3, f"{UNREACHED} branch main")
    assert help_of(refused) == ["update", "text-tools"]
    sandbox.run("verify").ok()


@pytest.mark.parametrize("ref", [("--tag", "v1.0.0"), ("--branch", "gone")])
def test_a_ref_that_is_gone(sandbox: Sandbox, publisher: Publisher, ref: tuple[str, ...]) -> None:
    fork = Fork(publisher)
    publisher.repo.git("branch", "gone")
    publisher.publish()
    fork.add(sandbox, *ref)
    git(fork.bare, "update-ref", "-d", "refs/tags/v1.0.0")
    git(fork.bare, "update-ref", "-d", "refs/heads/gone")
    mate = _clone(sandbox)
    refused = mate.run("sync", "--accept-project").failed(2, f"there is no {ref[0][2:]} '{ref[1]}'")
    assert help_of(refused) == ["update", "text-tools"]
    with unchanged(sandbox):
        sandbox.run("sync").ok()  # what is installed is not asked for again


@pytest.mark.parametrize("version_2", [True, False])
@pytest.mark.parametrize("filters", [True, False])
def test_servers_of_every_kind(
    sandbox: Sandbox, publisher: Publisher, server: GitServer, version_2: bool, filters: bool
) -> None:
    fork = Fork(publisher)
    fork.add(sandbox, "--branch", "main")
    publisher.repo.write("more", b"x")
    publisher.repo.commit("more")
    publisher.publish()
    fork.push()
    configure(fork.bare, allow_filter=filters)
    server.protocol_v2 = version_2
    good, bad = _clone(sandbox), sandbox
    good.run("sync", "--accept-project").ok()
    fork.lock_evil(bad)
    bad.run("sync", "--accept-project").failed(3, UNREACHED)


def test_a_history_that_is_too_long(
    sandbox: Sandbox, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tarkpm.sources.git import limits, session

    fork = Fork(publisher)
    fork.add(sandbox, "--branch", "main")
    for number in range(60):
        publisher.repo.write("more", str(number).encode())
        publisher.repo.commit(f"more {number}")
    publisher.publish()
    monkeypatch.setattr(
        session.GitRemote.__init__, "__defaults__", (limits.TransferLimits(objects=50), None, None)
    )
    refused = _clone(sandbox).run("sync", "--accept-project")
    refused.failed(2, "the history of branch main is too large to check")
    assert help_of(refused) == ["update", "text-tools"]


def test_a_repository_on_this_machine(sandbox: Sandbox, publisher: Publisher) -> None:
    fork = Fork(publisher)
    url = f"file://{fork.bare}"
    sandbox.init()
    sandbox.run(
        "add", url, "--branch", "main", "--allow-unsigned", "text-tools", "--accept-capabilities"
    ).ok()
    publisher.release("1.1.0", sign="")
    fork.push()
    _clone(sandbox).run("sync", "--accept-project").ok()
    fork.lock_evil(sandbox)
    sandbox.run("sync", "--accept-project").failed(3, UNREACHED)
    replace_in(sandbox.cwd / "tark.toml", 'branch = "main"', f'rev = "{fork.evil}"')
    replace_in(sandbox.cwd / "tark.lock", 'branch = "main"', f'rev = "{fork.evil}"')
    _clone(sandbox).run("sync", "--accept-project").ok()
