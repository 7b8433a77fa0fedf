"""Many plugins from few repositories: each commit is fetched once, in few requests, with its progress shown."""

import shutil
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from support.gitserver import GitRepo, GitServer
from support.sandbox import Sandbox
from support.terminal import Terminal

from tarkpm.core import lock_check
from tarkpm.sources.git import tree

FOLDERS = 20


@pytest.fixture
def repo(sandbox: Sandbox, server: GitServer) -> GitRepo:
    """A repository of twenty plugins, each in a folder of its own."""
    repo = GitRepo(sandbox.root / "repo")
    key = sandbox.key()
    for n in range(FOLDERS):
        sandbox.plugin(repo.folder / f"tool-{n}", name=f"tool-{n}", sign="release")
    repo.git("add", "--all")
    repo.commit("all of them")
    repo.publish(server.root, "tools")
    sandbox.init()
    lines = [f'tool-{n} = {{ git = "{server.url("tools")}", path = "tool-{n}" }}' for n in range(FOLDERS)]
    trust = [f'tool-{n} = ["{key}"]' for n in range(FOLDERS)]
    grants = [f"tool-{n} = {{ storage = true }}" for n in range(FOLDERS)]
    toml = sandbox.cwd / "tark.toml"
    text = "\n".join(["[plugins]", *lines, "[trust]", *trust, "[grants]", *grants, ""])
    toml.write_text(toml.read_text() + text)
    sandbox.run("lock", "--accept-project").ok()
    server.requests.clear()
    return repo


def fresh(sandbox: Sandbox) -> None:
    shutil.rmtree(sandbox.store, ignore_errors=True)


@pytest.mark.parametrize("allow_filter", [True, False])
def test_twenty_folders_of_one_repository(
    sandbox: Sandbox, server: GitServer, repo: GitRepo, allow_filter: bool
) -> None:
    server.configure("tools", allow_filter=allow_filter)
    fresh(sandbox)
    sandbox.run("sync").ok()
    assert len(list(sandbox.plugins.glob("tool-*"))) == FOLDERS
    asked = [request.method for request in server.requests]
    # capabilities, the ref, commit and trees, and files where trees came alone
    assert asked == ["GET", "POST", "POST", "POST"][: 4 if allow_filter else 3]


def test_two_commits_of_one_repository_and_another(
    sandbox: Sandbox, server: GitServer, repo: GitRepo
) -> None:
    """One session and one ref a repository, one fetch of trees and one of files a commit, one of history."""
    sandbox.plugin(repo.folder / "tool-0", name="tool-0", version="1.1.0", sign="release")
    repo.git("add", "--all")
    repo.commit("one moves on")
    repo.publish(server.root, "tools")
    sandbox.run("update", "tool-0").ok()
    server.requests.clear()
    fresh(sandbox)
    for n in range(FOLDERS):
        shutil.rmtree(sandbox.plugins / f"tool-{n}", ignore_errors=True)
    sandbox.run("sync").ok()
    assert [request.method for request in server.requests] == ["GET", *["POST"] * 6]


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> Counter[object]:
    """How often a function of ``module`` is called with each first argument."""
    calls: Counter[object] = Counter()
    function: Callable[..., Any] = getattr(module, name)

    def count(first: Any, *rest: Any) -> Any:
        calls[first if isinstance(first, bytes) else id(first)] += 1
        return function(first, *rest)

    monkeypatch.setattr(module, name, count)
    return calls


@pytest.mark.parametrize("verb", ["lock", "sync", "update"])
def test_the_work_for_a_plugin_does_not_grow_with_their_number(
    sandbox: Sandbox, repo: GitRepo, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Each tree is parsed once, and the lock is walked once a command, however many plugins share them."""
    fresh(sandbox)
    if verb == "lock":
        (sandbox.cwd / "tark.lock").unlink()
    parsed, walked = counted(monkeypatch, tree, "parse_tree"), counted(monkeypatch, lock_check, "led_to")
    sandbox.run(verb).ok()
    assert len(parsed) == 1 + FOLDERS
    assert set(parsed.values()) == {1}
    assert walked.total() <= 1


def test_progress_is_for_a_terminal(sandbox: Sandbox, server: GitServer, repo: GitRepo) -> None:
    fresh(sandbox)
    with Terminal(sandbox, "sync") as terminal:
        terminal.expect(f"fetching {server.url('tools')}")
        terminal.expect("fetched 1 of 1")
        terminal.expect("installing")
        terminal.expect("tool-9 1.0.0")
    fresh(sandbox)
    shutil.rmtree(sandbox.plugins / "tool-3")
    with Terminal(sandbox, "sync", columns=30, env={"NO_COLOR": "1"}) as terminal:
        shown = terminal.finish().err.split("\r\x1b[2K")
    waited_for = [part for part in shown if part.endswith("…")]
    assert any(part.startswith("fetching http://") for part in waited_for)
    assert all(len(part) < 30 for part in waited_for)
    fresh(sandbox)
    shutil.rmtree(sandbox.plugins / "tool-3")
    quiet = sandbox.run("sync").ok()
    assert "fetch" not in quiet.out + quiet.err
    assert "\x1b" not in quiet.out + quiet.err
