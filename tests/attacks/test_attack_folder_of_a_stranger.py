"""A plugin's folder that came from somebody else: it runs with what this user agreed to, and never by itself."""

import json
import os
from pathlib import Path

import pytest
from support import wat
from support.sandbox import Sandbox
from support.terminal import Terminal

CALL = ("call", "./mine", "echo", '"a"')
DECLARED = 'http = ["api.example.com"]'
QUESTION = "Run it with these grants, now and after its code changes?"


@pytest.fixture
def folder(sandbox: Sandbox) -> Path:
    """A folder that declares more than its own storage."""
    return sandbox.plugin(sandbox.cwd / "mine", name="mine", wasm=wat.lenient_tool(), capabilities=DECLARED)


def declare(folder: Path, capabilities: str, name: str = "mine") -> None:
    """Change what the folder declares, as a pull would."""
    text = (folder / "plugin.toml").read_text().replace('name = "mine"', f'name = "{name}"')
    (folder / "plugin.toml").write_text(
        text.partition("[capabilities]")[0] + f"[capabilities]\n{capabilities}\n"
    )


def test_without_an_answer_it_does_not_run(sandbox: Sandbox, folder: Path) -> None:
    said = sandbox.run(*CALL).failed(
        4, "'mine' is a folder that you have not agreed to run with http:api.example.com"
    )
    assert "  help: tarkpm call ./mine echo '\"a\"' --accept-capabilities\n" in said.err
    chat, auth = ("chat", "./mine", "x"), ("auth", "status", "./mine")
    for command in (chat, auth, ("channel", "info", "./mine"), ("hook", "run", "x", "--plugin", "./mine")):
        sandbox.run(*command).failed(4, "have not agreed")
    # a definition needs no capability, so it is shown without one
    sandbox.run("tools", folder).ok()
    assert not (sandbox.state / "working-copies").exists()


def test_a_yes_is_remembered_for_other_bytes_and_not_for_more_capabilities(
    sandbox: Sandbox, folder: Path
) -> None:
    sandbox.run(*CALL, "--accept-capabilities").ok()
    sandbox.run(*CALL).ok()
    (folder / "plugin.wasm").write_bytes(wat.defining_tool("other bytes"))
    sandbox.run(*CALL).ok()
    declare(folder, f"{DECLARED}\nstorage = true")  # its own storage is nobody else's concern
    sandbox.run(*CALL).ok()
    declare(folder, "shell = true")
    sandbox.run(*CALL).failed(4, "to run with shell")
    declare(folder, DECLARED)
    sandbox.run(*CALL).ok()


def test_what_was_narrowed_is_asked_about_again_when_it_returns(sandbox: Sandbox, folder: Path) -> None:
    declare(folder, 'http = ["api.example.com", "b.example"]')
    sandbox.run(*CALL, "--accept-capabilities").ok()
    declare(folder, DECLARED)
    sandbox.run(*CALL).ok()
    declare(folder, 'http = ["api.example.com", "b.example"]')
    sandbox.run(*CALL).failed(4)


def test_another_plugin_or_another_folder_at_its_place_is_asked_about(sandbox: Sandbox, folder: Path) -> None:
    sandbox.run(*CALL, "--accept-capabilities").ok()
    declare(folder, DECLARED, name="theirs")
    sandbox.run(*CALL).failed(4)
    declare(folder, DECLARED)
    folder.rename(sandbox.cwd / "old")
    sandbox.plugin(folder, name="mine", wasm=wat.lenient_tool(), capabilities=DECLARED)
    sandbox.run(*CALL).failed(4)
    sandbox.run("call", "./old", "echo", '"a"').failed(4)


def test_a_folder_that_others_can_change_is_never_remembered(sandbox: Sandbox, folder: Path) -> None:
    folder.chmod(0o777)
    said = sandbox.run(*CALL, "--accept-capabilities").ok()
    assert "other users can change this folder" in said.err
    sandbox.run(*CALL).failed(4)
    folder.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
        sandbox.run(*CALL, "--accept-capabilities").ok()
        sandbox.run(*CALL).failed(4)


def test_a_damaged_record_is_no_consent(sandbox: Sandbox, folder: Path) -> None:
    sandbox.run(*CALL, "--accept-capabilities").ok()
    (file,) = (sandbox.state / "working-copies").iterdir()
    record = json.loads(file.read_text())
    for damaged in ("{", json.dumps(record | {"granted": ["everything"]}), json.dumps(record | {"inode": 1})):
        file.write_text(damaged)
        sandbox.run(*CALL).failed(4)


def test_a_part_can_be_granted_for_one_run(sandbox: Sandbox, folder: Path) -> None:
    declare(folder, f"{DECLARED}\nstorage = true")
    sandbox.run(*CALL, "--grant", "storage").ok()
    sandbox.run(*CALL).failed(4)
    sandbox.run(*CALL, "--grant", "shell").failed(2, "--grant shell: 'mine' does not declare it")
    sandbox.run("call", "mine", "echo", "1", "--grant", "storage").failed(
        2, "--grant is for a plugin's folder"
    )
    sandbox.run("call", "mine", "echo", "1", "--accept-capabilities").failed(2, "found the name 'mine'")
    sandbox.run(*CALL, "--grant", "storage", "--accept-capabilities").failed(2, "found both")


def test_at_a_terminal_it_is_asked_once(sandbox: Sandbox, folder: Path) -> None:
    with Terminal(sandbox, *CALL) as terminal:
        shown = terminal.expect(QUESTION)
        assert "http │ connect to these hosts: api.example.com" in shown
        assert "unsigned: a working copy" in shown
        terminal.type("n\n")
        assert terminal.finish().status == 4
    (folder / "plugin.dsse.json").write_text("{}")
    with Terminal(sandbox, *CALL) as terminal:
        assert "a working copy: its signature is not used" in terminal.expect(QUESTION)
        terminal.type("y\n")
        assert terminal.finish().status == 0
    assert sandbox.run(*CALL).ok().out == '"a"\n'


def test_a_consent_is_listed_and_can_be_taken_back(sandbox: Sandbox, folder: Path) -> None:
    sandbox.run(*CALL, "--accept-capabilities").ok()
    (row,) = sandbox.run("accepted", "--json").ok().json["projects"]
    assert (row["project"], row["unmanaged"]) == (str(folder), ["mine"])
    sandbox.run("accepted", "--forget", folder).ok()
    sandbox.run(*CALL).failed(4)
    sandbox.run("accepted", "--forget", folder).failed(2, "was not accepted")


def test_a_path_is_never_taken_for_a_name(sandbox: Sandbox, folder: Path) -> None:
    declare(folder, "storage = true")
    for typed in ("./mine", "../app/mine", str(folder), "../app/./mine/"):
        assert sandbox.run("call", typed, "echo", '"a"').ok().out == '"a"\n'
    nested = sandbox.cwd / "plugins"
    nested.mkdir()
    folder.rename(nested / "mine")
    assert sandbox.run("call", "plugins/mine", "echo", '"a"').ok().out == '"a"\n'
    assert sandbox.run("call", ".", "echo", '"a"', cwd=nested / "mine").ok().out == '"a"\n'
    sandbox.run("call", "mine", "echo", '"a"', cwd=nested).failed(2, "no plugin named 'mine' is locked")
