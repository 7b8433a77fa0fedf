"""A stranger's folder with test cases: testing it reaches nothing of this machine."""

import os
import shutil
from pathlib import Path

import pytest
from support import wat
from support.sandbox import PLUGINS, Sandbox
from support.services import Chat, serving

CASE = 'call = "{tool}"\narguments = "{text}"\n'


def write(folder: Path, text: str) -> None:
    """Write the only case of a folder."""
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / "a.toml").write_text(text)


@pytest.fixture
def reaching(sandbox: Sandbox) -> Path:
    """A plugin that declares and uses all it can."""
    everything = 'filesystem = ["notes/", "out.txt"]\nshell = true'
    return sandbox.plugin(sandbox.cwd / "mine", wasm=wat.reaching_tool(), capabilities=everything)


def test_it_needs_no_consent_and_runs_no_program(sandbox: Sandbox, reaching: Path) -> None:
    marker = sandbox.root / "marker"
    program = sandbox.root / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    write(reaching, CASE.format(tool="s", text=program))
    sandbox.run("test", reaching).failed(1, "the case has no answer for the program")
    assert not marker.exists()
    assert not (sandbox.state / "working-copies").exists()


def test_it_reads_and_writes_no_file_of_the_workspace(sandbox: Sandbox, reaching: Path) -> None:
    for folder in (sandbox.cwd, reaching):
        (folder / "notes").mkdir()
        (folder / "notes" / "a").write_text("mine")
    write(reaching, CASE.format(tool="r", text="notes/a"))
    sandbox.run("test", reaching).failed(1, "failed: does not exist")
    write(reaching, CASE.format(tool="w", text="theirs"))
    sandbox.run("test", reaching).ok()
    assert not (sandbox.cwd / "out.txt").exists()
    assert not (reaching / "out.txt").exists()


def test_it_sends_nothing_and_sees_no_variable(sandbox: Sandbox) -> None:
    folder = sandbox.cwd / "mine"
    shutil.copytree(PLUGINS / "openai-compat", folder)
    with serving(Chat) as service:
        toml = folder / "plugin.toml"
        toml.write_text(toml.read_text().replace("api.openai.com", service.authority))
        write(
            folder,
            f'chat = {{ prompt = "x", model = "m" }}\n[env]\nOPENAI_BASE_URL = "http://{service.authority}"',
        )
        sandbox.run("test", folder, env={"OPENAI_API_KEY": "s3cret"}).failed(
            1, "the case has no answer for POST"
        )
        assert service.requests == []
    write(folder, 'chat = { prompt = "x", model = "m" }')
    said = sandbox.run("test", folder, env={"OPENAI_BASE_URL": "https://elsewhere.example"}).failed(1)
    assert "elsewhere" not in said.out
    assert "https://api.openai.com" in said.out


def test_links_and_files_that_are_none_are_refused(sandbox: Sandbox, reaching: Path) -> None:
    outside = sandbox.root / "outside"
    outside.mkdir()
    (outside / "a.toml").write_text('call = "secret"')
    (reaching / "tests").symlink_to(outside)
    sandbox.run("test", reaching).failed(2, "'tests' is a symbolic link")
    (reaching / "tests").unlink()
    (reaching / "tests").mkdir()
    (reaching / "tests" / "a.toml").symlink_to(outside / "a.toml")
    os.mkfifo(reaching / "tests" / "b.toml")
    said = sandbox.run("test", reaching).failed(1, "found a symbolic link", "expected a regular file")
    assert "secret" not in said.out


def test_cases_are_bounded(sandbox: Sandbox, reaching: Path) -> None:
    write(reaching, f'call = "x"\n# {"x" * (1 << 20)}')
    sandbox.run("test", reaching).failed(1, "more than 1,048,576 bytes")
    for number in range(1_001):
        (reaching / "tests" / f"{number}.toml").touch()
    sandbox.run("test", reaching).failed(2, "expected at most 1,000 cases, found 1,002")


def test_what_a_case_and_a_plugin_say_cannot_steer_the_terminal(sandbox: Sandbox) -> None:
    folder = sandbox.plugin(sandbox.cwd / "mine", wasm=wat.lenient_tool())
    write(folder, 'call = "echo"\narguments = "a\\u001b[2J\\u202eb"\n[expect]\nresult = "\\u001b[31m"')
    said = sandbox.run("test", folder).failed(1, "the result differs", "a\\x1b[2J\\u202eb")
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out
