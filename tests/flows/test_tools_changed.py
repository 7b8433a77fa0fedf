"""`tarkpm tools --changed`: what an agent would read now and did not before."""

import shutil
from pathlib import Path

import pytest
from conftest import Publisher
from support.gitrepo import git
from support.sandbox import Sandbox
from support.wat import defining_tool

SCHEMA = '{"properties": {"text": {"description": "what to repeat"}}}'


@pytest.fixture
def project(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project in a git repository, with everything committed and accepted."""
    publisher.release(wasm=defining_tool("Repeats its arguments", schema=SCHEMA))
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    git(sandbox.cwd, "init", "-q", "-b", "main")
    commit(sandbox)
    return sandbox


def commit(sandbox: Sandbox) -> str:
    git(sandbox.cwd, "add", "tark.toml", "tark.lock")
    git(sandbox.cwd, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "c")
    return git(sandbox.cwd, "rev-parse", "HEAD")


def commit_all(sandbox: Sandbox, folder: str) -> str:
    """Commit a copy of the project in a folder of the repository."""
    (sandbox.cwd / folder).mkdir()
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, sandbox.cwd / folder / name)
    git(sandbox.cwd, "add", folder)
    return commit(sandbox)


def update(sandbox: Sandbox, publisher: Publisher, name: str = "echo") -> None:
    wasm = defining_tool("Repeats\nits arguments", schema=SCHEMA.replace("what", "which text"), name=name)
    publisher.release("1.1.0", wasm=wasm)
    sandbox.run("update", "--accept-tools").ok()


def test_an_update_is_compared_with_the_last_commit(project: Sandbox, publisher: Publisher) -> None:
    head = git(project.cwd, "rev-parse", "HEAD")
    same = project.run("tools", "--changed").ok()
    assert same.out == f"No tool differs from tark.lock in commit {head[:12]}.\n"
    update(project, publisher)
    shown = project.run("tools", "--changed").ok()
    assert f"Compared with tark.lock in commit {head[:12]}:" in shown.out
    assert shown.err == ""  # nothing was started
    for line in (
        "text-tools echo: changed (read-only)",
        "  -  Repeats its arguments",
        "  +  its arguments",
        '  -        "description": "what to repeat"',
        '  +        "description": "which text to repeat"',
    ):
        assert line in shown.out.splitlines()
    (found,) = project.run("tools", "text-tools", "--changed", "--json").ok().json["tools"]
    assert (found["tool"], found["change"], found["is_known"]) == ("echo", "changed", True)
    assert " risk: read-only" in found["diff"]
    commit(project)
    assert project.run("tools", "--changed", "--json").ok().json["tools"] == []
    since = project.run("tools", "--changed", "--since", head, "--json").ok().json
    assert since["commit"] == head
    assert [one["tool"] for one in since["tools"]] == ["echo"]
    assert project.run("tools", "--changed", "--since", "HEAD~1", "--json").ok().json == since
    project.run("tools", "--changed", "--since", "nothing").failed(2, "there is no revision 'nothing'")


def test_a_project_in_a_folder_of_a_linked_work_tree(project: Sandbox, publisher: Publisher) -> None:
    head = commit_all(project, "sub")
    git(project.cwd, "worktree", "add", "-q", str(project.root / "linked"))
    folder = project.root / "linked" / "sub"
    (folder / ".git").mkdir()  # it holds no repository
    project.run("sync", "--accept-project", cwd=folder).ok()
    assert project.run("tools", "--changed", "--json", cwd=folder).ok().json["commit"] == head


def test_new_and_removed_tools(project: Sandbox, publisher: Publisher) -> None:
    update(project, publisher, name="find")
    found = project.run("tools", "--changed", "--json").ok().json
    assert {one["tool"]: one["change"] for one in found["tools"]} == {"echo": "removed", "find": "new"}
    by_name = {one["tool"]: one["diff"] for one in found["tools"]}
    assert all(line.startswith("-") for line in by_name["echo"])
    assert all(line.startswith("+") for line in by_name["find"])


def test_a_pulled_lock_is_compared_with_what_was_accepted(
    project: Sandbox, publisher: Publisher, tmp_path: Path
) -> None:
    mate = Sandbox(tmp_path / "mate")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(project.cwd / name, mate.cwd / name)
    mate.run("sync", "--accept-project").ok()
    assert mate.run("tools", "--changed").ok().out == "No tool differs from what you accepted.\n"
    update(project, publisher)
    shutil.copy(project.cwd / "tark.lock", mate.cwd / "tark.lock")
    shown = mate.run("tools", "--changed").ok().out
    assert "Compared with what you accepted:" in shown
    assert "text-tools echo: changed (read-only)" in shown
    assert "the text is not on this machine" in shown
    mate.run("tools", "--changed", "--since", "HEAD").failed(2, "this project is in no git repository")


def test_options_that_do_not_fit(project: Sandbox) -> None:
    project.run("tools", "--changed", "--size").failed(2, "found both")
    project.run("tools", "--since", "HEAD").failed(2, "--since needs --changed")
    project.run("tools", "nothing", "--changed").failed(2, "no plugin named 'nothing'")


def test_a_repository_without_a_commit_is_compared_with_nothing(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    sandbox.init()
    git(sandbox.cwd, "init", "-q", "-b", "main")
    assert sandbox.run("tools", "--changed", "--json").ok().json["tools"] == []


def test_a_revision_that_git_checks_out_in_another_encoding_is_refused(project: Sandbox) -> None:
    (project.cwd / ".gitattributes").write_text("tark.lock working-tree-encoding=UTF-7\n")
    git(project.cwd, "add", ".gitattributes")
    git(project.cwd, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "c")
    project.run("tools", "--changed").failed(2, "sets working-tree-encoding")
