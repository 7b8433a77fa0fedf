"""kill -9 at any instant leaves the old state or the new, and the next command goes on from there."""

import shutil
from pathlib import Path

import pytest
from support import killer
from support.gitrepo import GitRepo
from support.kill_everywhere import kill_everywhere
from support.sandbox import Sandbox


def _prepare(root: Path) -> tuple[Sandbox, GitRepo, str]:
    """A project with two plugins installed, one of which has a newer release and data of its own."""
    sandbox = Sandbox(root / "work")
    key = sandbox.key()
    repo = GitRepo(root / "repo")
    for name in ("alpha", "beta"):
        sandbox.plugin(repo.folder / name, name=name, sign="release")
    repo.git("add", "--all")
    repo.commit("one")
    sandbox.init()
    for name in ("alpha", "beta"):
        source = ["add", f"file://{repo.folder}", "-b", "main", "--path", name]
        sandbox.run(*source, "--trust", key, "--accept-capabilities").ok()
    sandbox.run("call", "alpha", "save-note", '{"key":"k","text":"kept"}').ok()
    sandbox.plugin(repo.folder / "alpha", name="alpha", version="1.1.0", sign="release")
    repo.git("add", "--all")
    repo.commit("two")
    return sandbox, repo, key


@pytest.mark.parametrize(
    "command",
    # the longest one; an adoption and a removal are killed at every step in the default run, too
    [pytest.param(["update", "alpha"], marks=pytest.mark.slow), ["remove", "beta"], ["sync"]],
    ids=" ".join,
)
def test_a_killed_command_leaves_the_old_state_or_the_new(tmp_path: Path, command: list[str]) -> None:
    sandbox, _, _ = _prepare(tmp_path)
    if command == ["sync"]:  # nothing is installed yet, as in a fresh clone
        shutil.rmtree(sandbox.cwd / ".tark")
    before = killer.documents(sandbox.cwd)
    results = kill_everywhere(killer, tmp_path, sandbox, *command)
    after = results[-1]["documents"]
    assert len(results) > 15, "the hook saw hardly anything"
    assert any(result["journal"] for result in results), "no run died between commit and clean-up"
    for result in results:
        if not result["journal"]:
            assert result["documents"] in (before, after), result
        assert result["documents_after"] in (before, after), result
        assert result["sync"] == 0, result["said"]
        assert result["left"] in (["id"], ["id", "staging"]), result
        assert not result["litter"], result
        assert len(result["data"]) == 1, "a plugin's own data must outlive everything but --purge"
        if command != ["sync"]:
            assert result["verify"] == 0, result
            is_new = result["documents_after"] == after
            assert len(result["history"]) == (4 if is_new else 3), "a change and its generation are one"
    final = results[-1]["versions"]
    for result in results:
        if result["documents_after"] == after:
            assert result["versions"] == final, result
