"""A repository whose settings name programs, read by the git-helper plugin."""

import json
import subprocess
from pathlib import Path

import pytest
from support.sandbox import PLUGINS, Sandbox

PLUGIN = PLUGINS / "git-helper"


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def trap(sandbox: Sandbox) -> Path:
    """What every program of the repository's settings creates."""
    folder, trap = sandbox.cwd, sandbox.root / "trap"
    program = sandbox.root / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {trap}\ncat\n")
    program.chmod(0o755)
    git(folder, "init", "-q")
    (folder / ".gitattributes").write_text("*.txt diff=evil\n")
    (folder / "a.txt").write_text("one\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    (folder / "a.txt").write_text("two\n")
    for name in (
        "core.fsmonitor", "core.pager", "pager.log", "pager.diff", "pager.status", "diff.external",
        "diff.evil.command", "diff.evil.textconv", "gpg.program", "core.sshCommand", "core.editor",
    ):  # fmt: skip
        git(folder, "config", name, str(program))
    for name, value in {"log.showSignature": "true", "core.hooksPath": str(sandbox.root / "hooks")}.items():
        git(folder, "config", name, value)
    (sandbox.root / "hooks").mkdir()
    (sandbox.root / "hooks" / "post-index-change").symlink_to(program)
    return trap


def call(sandbox: Sandbox, tool: str, **arguments: object) -> str:
    words = ("call", PLUGIN, tool, json.dumps(arguments), "--accept-capabilities")
    return sandbox.run(*words).ok().out


def test_no_program_of_the_repository_runs(sandbox: Sandbox, trap: Path) -> None:
    assert " M a.txt" in call(sandbox, "git-status")
    assert "n: first" in call(sandbox, "git-log", revision="HEAD", limit=1)
    assert "-one\n+two" in call(sandbox, "git-diff")
    assert not trap.exists()
    git(sandbox.cwd, "status")
    assert trap.exists()  # the trap works


def test_a_caller_chooses_no_option_and_no_path_outside(sandbox: Sandbox, trap: Path) -> None:
    (sandbox.cwd / "inner").mkdir()
    for tool, arguments in (
        ("git-diff", {"revision": "--output=stolen"}),
        ("git-diff", {"revision": "HEAD:a.txt"}),
        ("git-log", {"revision": "-n1\n--exec"}),
        ("git-status", {"paths": ["inner/../../app"]}),
    ):
        words = ("call", PLUGIN, tool, json.dumps(arguments), "--accept-capabilities")
        sandbox.run(*words).failed(1, "expected a ")
    # an option after "--" is a file's name, and a pathspec's magic is not read
    for paths in (["--output=stolen"], [":(exclude)inner"], [":/"]):
        assert call(sandbox, "git-diff", paths=paths) == "\n"
    assert not (sandbox.cwd / "stolen").exists()
    assert not trap.exists()
