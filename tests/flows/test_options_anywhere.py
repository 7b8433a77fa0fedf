"""Options before the command, as people of uv and cargo type them; and completion in three shells."""

import shutil
import subprocess
import sys

import pytest
from support.sandbox import Sandbox


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """A project with one working copy, and a folder beside it."""
    sandbox.plugin(sandbox.cwd / "src" / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./src/mine", "--accept-capabilities").ok()
    (sandbox.root / "away").mkdir()
    return sandbox


def test_they_mean_the_same_before_and_behind(project: Sandbox) -> None:
    away = project.root / "away"
    behind = project.run("list", "--project", project.cwd, "--json", cwd=away).ok()
    assert project.run("--project", project.cwd, "--json", "list", cwd=away).ok() == behind
    assert project.run("--json", "list", "--project", project.cwd, cwd=away).ok() == behind
    assert [row["id"] for row in behind.json["plugins"]] == ["mine"]
    assert project.run("--user", "list").ok() == project.run("list", "--user").ok()


def test_in_front_of_groups_and_errors(project: Sandbox) -> None:
    assert project.run("--json", "cache", "dir").ok().json == {"directory": str(project.store)}
    refused = project.run("--json", "--project", project.root / "away", "sync").failed(2)
    assert refused.json["error"]["code"] == "ProjectError"
    project.run("--user", "--project", project.cwd, "list").failed(
        2, "expected --project or --user, found both"
    )


def test_offline_before_a_command_is_offline(project: Sandbox) -> None:
    project.run("--offline", "add", "https://example.invalid/x").failed(
        5, "--offline forbids network requests"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_a_script_its_shell_reads(project: Sandbox, shell: str) -> None:
    script = project.run("completions", shell).ok().out
    assert "_TARKPM_COMPLETE" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not here")
    subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=30)


def complete(project: Sandbox, words: str) -> list[str]:
    """What the shell is told for a line whose last word is not finished."""
    done = subprocess.run(
        [sys.executable, "-m", "tarkpm"],
        cwd=project.cwd,
        env=project.environment(
            _TARKPM_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


def test_commands_options_and_names_are_completed(project: Sandbox) -> None:
    assert complete(project, "tarkpm comp") == ["completions"]
    assert complete(project, "tarkpm cache pr") == ["prune"]
    assert "--adopt" in complete(project, "tarkpm add --ad")
    assert complete(project, "tarkpm info m") == ["mine"]
    assert complete(project, "tarkpm update m") == ["mine"]
    assert complete(project, "tarkpm info x") == []
    assert complete(project, "tarkpm key sh") == ["show"]
    assert complete(project, "tarkpm index st") == ["status"]
    project.key("release")
    assert complete(project, "tarkpm key show r") == ["release"]
