"""Whether a ref leads to a commit, asked of every kind of real server, and compared with git's own answer."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.daemons import Sshd, git_daemon, sshd
from support.gitattack import Hostile, commit, pack, packed, told
from support.gitrepo import GitRepo, configure, git
from support.gitserver import GitServer

from tarkpm.errors import NotFound, TooLarge
from tarkpm.sources.git import Access, GitRemote, TransferLimits, parse
from tarkpm.sources.git.objects import object_id, parents_of

LIMITS = TransferLimits(connect=5, stall=10, total=60)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """main has three commits and moved on from ``old``; ``aside`` is served and on no ref."""
    repo = GitRepo(tmp_path / "work")
    for name in ("old", "middle", "new"):
        repo.write("plugin.toml", name.encode())
        repo.commit(name)
        repo.tag(name)
    repo.annotated_tag("v1", "middle")
    repo.checkout("old")
    repo.write("plugin.toml", b"evil")
    repo.git("tag", "aside", repo.commit("aside"))
    bare = repo.publish(tmp_path / "srv", "demo")
    git(bare, "update-ref", "-d", "refs/tags/aside")
    return repo


def check(url: str, repo: GitRepo, access: Access | None = None) -> None:
    """Everything that is true of `repo`, each in a session of its own."""
    asked = [
        ("old", {"branch": "main"}, True),
        ("new", {"branch": "main"}, True),
        ("old", {"tag": "v1"}, True),
        ("middle", {"tag": "v1"}, True),
        ("new", {"tag": "v1"}, False),
        ("aside", {"branch": "main"}, False),
        ("aside", {"tag": "v1"}, False),
        ("aside", {}, False),
        ("middle", {}, True),
    ]
    for name, ref, expected in asked:
        with GitRemote(parse(url), LIMITS, access) as remote:
            assert remote.reaches(repo.rev(name), **ref) is expected, (name, ref)


@pytest.mark.parametrize("version_2", [True, False])
@pytest.mark.parametrize("filters", [True, False])
def test_http(server: GitServer, repo: GitRepo, version_2: bool, filters: bool) -> None:
    configure(server.root / "demo.git", allow_filter=filters)
    server.protocol_v2 = version_2
    check(server.url("demo"), repo)


@pytest.mark.parametrize("filters", [True, False])
def test_git_daemon(tmp_path: Path, repo: GitRepo, filters: bool) -> None:
    configure(tmp_path / "srv" / "demo.git", allow_filter=filters)
    with git_daemon(tmp_path / "srv") as base:
        check(f"{base}/demo.git", repo)


@pytest.fixture(
    scope="module", params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["version 2", "version 0"]
)
def ssh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd") / "etc", version_2=request.param) as running:
        yield running


def test_ssh(ssh: Sshd, tmp_path: Path, repo: GitRepo) -> None:
    home = tmp_path / "home"
    ssh.client(home)
    access = Access({"HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin"})
    check(ssh.url(tmp_path / "srv" / "demo.git"), repo, access)


def test_this_machine(tmp_path: Path, repo: GitRepo) -> None:
    check(f"file://{tmp_path}/srv/demo.git", repo)


def test_a_server_that_gives_only_what_refs_name(server: GitServer, repo: GitRepo) -> None:
    """Protocol 0 without ids: the commit is found in the history of all refs, or it is not there."""
    configure(server.root / "demo.git", allow_any_sha1=False, allow_filter=False)
    server.protocol_v2 = False
    git(server.root / "demo.git", "update-ref", "-d", "refs/tags/old")
    with GitRemote(parse(server.url("demo")), LIMITS) as remote:
        assert remote.reaches(repo.rev("old"), branch="main")
    with (
        GitRemote(parse(server.url("demo")), LIMITS) as remote,
        pytest.raises(NotFound, match="there is no|on no"),
    ):
        remote.tree(repo.rev("aside"))


def test_a_repository_whose_history_is_cut(server: GitServer, repo: GitRepo) -> None:
    """A commit names its parents, whether a shallow server has their history or not."""
    bare = server.root / "cut.git"
    git(
        server.root,
        "clone",
        "--quiet",
        "--bare",
        "--depth=2",
        "--branch=main",
        f"file://{server.root}/demo.git",
        "cut.git",
    )
    configure(bare)
    git(bare, "fetch", "--quiet", f"file://{server.root}/demo.git", repo.rev("old"))
    url = server.url("cut")
    with GitRemote(parse(url), LIMITS) as remote:
        assert remote.reaches(repo.rev("old"), branch="main")
    with GitRemote(parse(url), LIMITS) as remote, pytest.raises(NotFound):
        remote.reaches("1" * 40, branch="main")


def test_random_histories(tmp_path: Path, server: GitServer) -> None:
    """The answer is git's own, whatever was merged with what."""
    dice = random.Random(11)
    repo = GitRepo(tmp_path / "work")
    tree, commits = repo.git("mktree"), list[str]()
    for number in range(40):
        parents = dice.sample(commits[-8:], min(len(commits[-8:]), dice.choice([0, 1, 1, 1, 2, 3])))
        flags = [word for parent in parents for word in ("-p", parent)]
        commits.append(repo.git("commit-tree", tree, "-m", str(number), *flags))
    for number, each in enumerate(commits):
        repo.git("update-ref", f"refs/heads/b{number}", each)
    bare = repo.publish(server.root, "demo")
    for _ in range(25):
        tip, known = dice.choice(commits), dice.choice(commits)
        command = ["git", "-C", str(bare), "merge-base", "--is-ancestor", known, tip]
        expected = subprocess.run(command).returncode == 0
        with GitRemote(parse(server.url("demo")), LIMITS) as remote:
            assert remote.reaches(known, branch=f"b{commits.index(tip)}") is expected


def test_a_server_that_makes_up_a_history(server: GitServer) -> None:
    """A commit that names the locked one as its parent must have the id that the ref has."""
    tree = object_id("tree", b"")
    locked = commit(tree)
    liar = locked.replace(b"author", f"parent {object_id('commit', locked)}\nauthor".encode(), 1)
    top = commit(tree).replace(b"x\n", b"another\n")
    trees = [packed("tree", b"")]
    answer = pack([packed("commit", top), packed("commit", liar), packed("commit", locked), *trees])
    server.before = Hostile(object_id("commit", top), [answer])
    with GitRemote(parse(server.url("x")), LIMITS) as remote:
        assert not remote.reaches(object_id("commit", locked), branch="main")


def test_a_history_over_the_limit(server: GitServer, repo: GitRepo) -> None:
    for url in (server.url("demo"), f"file://{server.root}/demo.git"):
        limits = TransferLimits(objects=1)
        with GitRemote(parse(url), limits) as remote, pytest.raises(TooLarge) as caught:
            remote.reaches(repo.rev("aside"), branch="main")
        assert "1" in told(caught.value)


def test_parents() -> None:
    ids = [str(n) * 40 for n in range(3)]
    lines = [f"tree {'a' * 40}", *(f"parent {oid}" for oid in ids), "author x", "", f"parent {'9' * 40}", ""]
    assert parents_of("\n".join(lines).encode()) == ids
    assert parents_of(f"tree {'a' * 40}\nauthor x\n\n".encode()) == []
    with pytest.raises(ValueError, match="no 'parent'"):
        parents_of(f"tree {'a' * 40}\nparent x\n".encode())
