"""A rollback brings nothing back that was taken away since: its documents count as much as pulled ones."""

import json
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.gitrepo import GitRepo
from support.indexed import IndexedProject
from support.indexrepo import public
from support.sandbox import Sandbox

from tarkpm.core.claim import Claim
from tarkpm.core.release import PluginName

NAME = "text-tools"


def documents(sandbox: Sandbox) -> dict[str, bytes]:
    return {name: (sandbox.cwd / name).read_bytes() for name in ("tark.toml", "tark.lock")}


def refused(sandbox: Sandbox, number: int, *texts: str, status: int = 4) -> None:
    """The rollback is refused with these words, also as a dry run, and nothing changes."""
    before, accepted = documents(sandbox), sandbox.run("accepted", "--json").ok().json
    for words in (("--dry-run",), ("--offline",), ()):
        sandbox.run("rollback", str(number), *words).failed(status, *texts)
    assert documents(sandbox) == before
    # the refusal must not have been remembered as consent
    assert sandbox.run("accepted", "--json").ok().json == accepted
    sandbox.run("verify").ok()


@pytest.fixture
def repo(sandbox: Sandbox) -> GitRepo:
    """A repository, whose releases `release` makes."""
    return GitRepo(sandbox.root / "repo")


@pytest.fixture
def project(sandbox: Sandbox, repo: GitRepo) -> Sandbox:
    """A project with text-tools 1.0.0 of a repository: generation 2."""
    key = sandbox.key()
    release(sandbox, repo, "1.0.0")
    sandbox.init()
    url = f"file://{repo.folder}"
    sandbox.run("add", url, "-b", "main", "--trust", key, "--accept-capabilities").ok()
    return sandbox


def release(sandbox: Sandbox, repo: GitRepo, version: str, sign: str = "release") -> None:
    sandbox.plugin(repo.folder, version=version, sign=sign)
    repo.git("add", "--all")
    repo.commit(version)


def test_a_revoked_grant(project: Sandbox) -> None:
    project.run("revoke", NAME, "storage").ok()
    refused(project, 2, "let 'text-tools' use storage", "--accept-project=sha256:")


def test_a_key_that_is_not_trusted_any_longer(project: Sandbox, repo: GitRepo) -> None:
    new = project.key("new")
    release(project, repo, "1.1.0", sign="new")
    project.run("update", "--trust", new).ok()
    refused(project, 2, f"for '{NAME}' (before: {new})")


def test_a_plugin_and_an_index_that_left(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release(NAME)
    indexed.use()
    sandbox.run("add", NAME, "--accept-capabilities").ok()
    sandbox.run("remove", NAME).ok()
    sandbox.run("index", "remove", "community").ok()
    asked = len(indexed.server.paths)
    refused(sandbox, 3, "take plugins from the index 'community' at", f"take '{NAME}' from the index")
    assert len(indexed.server.paths) == asked  # consent comes before the network
    # with consent, the very generation comes back
    sandbox.run("rollback", "3", "--accept-project").ok()
    sandbox.run("verify").ok()


@pytest.mark.parametrize("offline", [False, True])
def test_a_revoked_release(indexed: IndexedProject, offline: bool) -> None:
    """Offline, what this machine saw counts; online, it hears of it in time."""
    sandbox = indexed.sandbox
    indexed.release(NAME)
    indexed.use()
    sandbox.run("add", NAME, "--accept-capabilities").ok()
    indexed.release(NAME, "1.1.0")
    sandbox.run("update").ok()
    rows = indexed.repo.listings[NAME].rows
    gone = {str(row.version): row.statement.sha256 for row in rows if str(row.version) == "1.0.0"}
    claim = Claim(PluginName(NAME), public(indexed.keys[NAME]), {}, revoked_versions=gone)
    indexed.repo.put_claim(claim)
    indexed.repo.publish()
    if offline:
        sandbox.run("outdated")
        sandbox.run("rollback", "3", "--offline").failed(3, "generation 3 cannot come back", "was revoked")
    else:
        sandbox.run("rollback", "3").failed(3, "generation 3 cannot come back", "was revoked")
        # and it stays revoked, whatever is accepted
        sandbox.run("rollback", "3", "--accept-project", "--offline").failed(3, "was revoked")
    sandbox.run("verify").ok()


def test_an_index_that_is_down_is_no_index_that_is_fine(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release(NAME)
    indexed.use()
    sandbox.run("add", NAME, "--accept-capabilities").ok()
    indexed.release(NAME, "1.1.0")
    sandbox.run("update").ok()
    indexed.server.answers[""] = lambda handler: handler.reply(503)
    indexed.server.answers["metadata/timestamp"] = indexed.server.answers[""]
    said = sandbox.run("rollback").ok()
    assert "note: whether releases were revoked could not be checked" in said.out


def test_a_release_of_a_retired_key(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release(NAME)
    indexed.use()
    sandbox.run("add", NAME, "--accept-capabilities").ok()
    new = Ed25519PrivateKey.generate()
    indexed.repo.put_claim(Claim(PluginName(NAME), public(new)))
    indexed.keys[NAME] = new
    indexed.release(NAME, "1.1.0")
    sandbox.run("update", "--trust", public(new)).ok()
    sandbox.run("rollback", "3", "--accept-project").failed(3, "generation 3 cannot come back")
    sandbox.run("verify").ok()


def test_a_folder_in_the_way(project: Sandbox) -> None:
    project.run("remove", NAME).ok()
    shutil.copytree(project.root / "repo", project.plugins / NAME)
    before = documents(project)
    said = project.run("rollback", "2", "--accept-project").failed(2, "a folder that tarkpm did not install")
    assert "help: inspect it, then: mv" in said.err
    assert documents(project) == before
    assert (project.plugins / NAME / ".git").is_dir()
    assert [one["number"] for one in project.run("log", "--json").ok().json["generations"]] == [3, 2, 1]
    # a refused rollback accepted nothing
    project.run("rollback", "2").failed(4, "let 'text-tools' use storage")


def test_a_clone_has_no_history(project: Sandbox) -> None:
    """Neither a copied environment nor a journal or generation in a repository is this user's."""
    clone = project.root / "clone"
    shutil.copytree(project.cwd, clone, symlinks=True)
    (kept,) = project.state.glob("history/*")
    shutil.copytree(kept, clone / ".tark" / ".tarkpm" / "history" / kept.name)
    assert "no change has been recorded" in project.run("log", cwd=clone).ok().out
    project.run("rollback", "1", cwd=clone).failed(2, "generation 1 is not kept")
    toml = clone / "tark.toml"
    toml.write_text(toml.read_text() + "# pull\n")
    project.run("sync", cwd=clone).failed(4)
    assert "no change has been recorded" in project.run("log", cwd=clone).ok().out


def test_a_pull_that_was_not_accepted(project: Sandbox) -> None:
    """Its documents may become a generation, when tarkpm replaces them: that decides nothing."""
    toml = project.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace("storage = true", 'storage = true, http = ["evil.example"]'))
    project.run("revoke", NAME, "storage").ok()
    numbers = [one["number"] for one in project.run("log", "--json").ok().json["generations"]]
    assert numbers == [4, 3, 2, 1]
    project.run("rollback", "3").failed(4, "let 'text-tools' use http:evil.example")


DAMAGED = (
    b"",
    b"{}",
    b"[" * 100_000,
    b"\xff\xfe",
    b'{"number":2,"at":1e300,"command":"","project":"","lock":"","installed":{}}',
    b'{"number":2,"at":9999999999999999,"command":"","project":"","lock":"","installed":{}}',
    b'{"number":1,"at":1,"command":"","project":"","lock":"","installed":{}}',
    b'{"number":2,"at":1,"command":"","project":"","lock":"","installed":{},"version":9}',
    b'{"number":2,"at":1,"command":"","project":"","lock":"","installed":{},"more":1}',
)


def test_a_damaged_generation(project: Sandbox) -> None:
    """It stops nothing but the rollback to it."""
    project.run("revoke", NAME, "storage").ok()
    (file,) = project.state.glob("history/*/2.json")
    for text in DAMAGED:
        file.write_bytes(text)
        (_, damaged, _) = project.run("log", "--json").ok().json["generations"]
        assert (damaged["number"], damaged["is_compared"]) == (2, False)
        project.run("show", "2").failed(2)
        project.run("rollback", "2").failed(2)
        project.run("cache", "prune", "--dry-run").ok()
    newest = file.with_name("3.json")
    newest.write_bytes(DAMAGED[0])
    project.run("grant", NAME, "storage").ok()
    assert file.with_name("4.json").exists()


def test_a_generation_that_is_not_a_file(project: Sandbox) -> None:
    (file,) = project.state.glob("history/*/2.json")
    outside = project.root / "outside.json"
    file.rename(outside)
    file.symlink_to(outside)
    project.run("rollback", "2").failed(2, "symbolic link")
    project.run("revoke", NAME, "storage").ok()


def test_a_generation_with_other_contents(project: Sandbox) -> None:
    """Whoever changes it can write tark.toml, too, and is met by the same checks."""
    project.run("revoke", NAME, "storage").ok()
    (file,) = project.state.glob("history/*/2.json")
    generation = json.loads(file.read_text())
    lock = generation["lock"].splitlines(keepends=True)
    changed = [line.replace('sha256 = "', 'sha256 = "0') if "sha256" in line else line for line in lock]
    file.write_text(json.dumps(generation | {"lock": "".join(changed)}))
    project.run("rollback", "2", "--accept-project").failed(2, "generation 2: tark.lock")
    elsewhere = generation["project"].replace(str(project.root / "repo"), str(project.root / "evil"))
    file.write_text(json.dumps(generation | {"project": elsewhere}))
    project.run("rollback", "2").failed(4, "evil")
    project.run("rollback", "2", "--accept-project").failed(
        1, "generation 2 cannot come back", "is locked from"
    )


def test_escapes_in_a_command(project: Sandbox) -> None:
    (file,) = project.state.glob("history/*/2.json")
    generation = json.loads(file.read_text())
    file.write_text(json.dumps(generation | {"command": "tarkpm \x1b[2J\nadd"}))
    for words in (["log"], ["show", "2"]):
        assert "\x1b[2J" not in project.run(*words).ok().out
