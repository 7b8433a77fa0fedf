"""A pull request drops an entry of tark.lock, and a server no longer has what it locked: nothing goes back unasked."""

import re

import pytest
from msgspec.structs import replace
from support.gitrepo import GitRepo, git
from support.indexed import IndexedProject
from support.sandbox import Sandbox

NAME = "text-tools"
CONSENT = "--accept-capabilities"
EMPTY = "version = 2\n"


def drop(sandbox: Sandbox, text: str = EMPTY) -> None:
    (sandbox.cwd / "tark.lock").write_text(text)


def locked(sandbox: Sandbox) -> str:
    found = re.search(r'^version = "(.*)"', (sandbox.cwd / "tark.lock").read_text(), re.MULTILINE)
    return found[1] if found else ""


class Project:
    """A project with text-tools 1.2.0 of a branch, which had 1.0.0 first."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.repo, self.key = sandbox, GitRepo(sandbox.root / "repo"), sandbox.key()
        sandbox.init()
        self.release("1.0.0")
        self.url = f"file://{self.repo.folder}"
        self.add()
        self.release("1.2.0")
        sandbox.run("update").ok()

    def add(self) -> None:
        self.sandbox.run("add", self.url, "-b", "main", "--trust", self.key, CONSENT).ok()

    def release(self, version: str, extra: str = "") -> None:
        self.sandbox.plugin(self.repo.folder, version=version, sign="release", extra=extra)
        self.repo.git("add", "--all")
        self.repo.commit(version)

    def back(self) -> None:
        git(self.repo.folder, "reset", "--quiet", "--hard", "HEAD~1")


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    return Project(sandbox)


@pytest.mark.parametrize("verb", ["lock", "update"])
def test_a_branch_that_goes_back(project: Project, verb: str) -> None:
    project.back()
    drop(project.sandbox)
    refused = project.sandbox.run(verb).failed(
        4, f"'{NAME}' 1.0.0 is older than 1.2.0, which you accepted before"
    )
    assert f"help: tarkpm {verb} --allow-downgrade" in refused.err
    assert locked(project.sandbox) == ""
    project.sandbox.run(verb, "--allow-downgrade").ok()
    assert locked(project.sandbox) == "1.0.0"
    # What was agreed to is no news, and newer releases never were.
    project.sandbox.run("sync").ok()
    project.release("1.1.0")
    project.sandbox.run("update").ok()
    assert locked(project.sandbox) == "1.1.0"


def test_a_version_with_other_contents(project: Project) -> None:
    project.release("1.2.0", extra="# others\n")
    drop(project.sandbox)
    said = f"the contents of '{NAME}' 1.2.0 differ from those that you accepted"
    project.sandbox.run("lock").failed(4, said, "--allow-republished")
    project.back()
    project.sandbox.run("lock").ok()
    assert locked(project.sandbox) == "1.2.0"


def test_a_lock_that_is_gone(project: Project) -> None:
    project.back()
    (project.sandbox.cwd / "tark.lock").unlink()
    project.sandbox.run("lock").failed(4, "--allow-downgrade")


def test_what_the_user_removed_begins_anew(project: Project) -> None:
    project.sandbox.run("remove", NAME).ok()
    project.back()
    project.add()
    assert locked(project.sandbox) == "1.0.0"


def test_an_index_that_hides_releases(indexed: IndexedProject) -> None:
    sandbox, repo = indexed.sandbox, indexed.repo
    indexed.release(NAME)
    indexed.release(NAME, "1.1.0")
    indexed.use()
    sandbox.run("add", f"{NAME}@^1.0", CONSENT).ok()
    listing = repo.listings[NAME]
    repo.put_listing(replace(listing, rows=tuple(row for row in listing.rows if row.version.minor == 0)))
    repo.publish()
    drop(sandbox)
    sandbox.run("lock").failed(4, f"'{NAME}' 1.0.0 is older than 1.1.0, which you accepted before")
    # `outdated` foresees it as it does every other question.
    assert "--allow-downgrade" in sandbox.run("outdated").out
