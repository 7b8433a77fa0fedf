"""`tarkpm mcp connect`: the settings of eight clients, shown, asked about and written."""

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from support.sandbox import Sandbox

from tarkpm.core.agent.clients import CLIENTS

STARTED = {
    "claude-code": (".mcp.json", ["mcp"]),
    "codex": (".codex/config.toml", ["mcp"]),
    "vscode": (".vscode/mcp.json", ["mcp", "--project", "${workspaceFolder}"]),
    "cursor": (".cursor/mcp.json", ["mcp", "--project", "${workspaceFolder}"]),
    "gemini": (".gemini/settings.json", ["mcp"]),
    "tark": (".tark/mcp/servers.toml", ["mcp"]),
}


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    sandbox.init()
    return sandbox


def table(file: Path, client: str) -> dict[str, object]:
    text = file.read_text()
    document = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    found: dict[str, object] = document[CLIENTS[client].key]["tarkpm"]
    return found


@pytest.mark.parametrize("client", STARTED)
def test_a_project_s_settings(project: Sandbox, client: str) -> None:
    name, arguments = STARTED[client]
    file = project.cwd / name
    project.run("mcp", "connect", client).failed(4, "only with consent", f"tarkpm mcp connect {client} --yes")
    assert not file.exists()
    shown = project.run("mcp", "connect", client, "--yes").ok()
    assert f"+++ {file}" in shown.err
    found = table(file, client)
    assert found["args"] == arguments
    assert str(found["command"]).endswith("tarkpm")
    assert "nothing to change" in project.run("mcp", "connect", client, "--yes").ok().out
    project.run("mcp", "disconnect", client, "--yes").ok()
    assert not file.exists()
    assert file.parent == project.cwd or not file.parent.exists()


def test_what_is_not_of_connect_alone_stays(project: Sandbox) -> None:
    project.run("mcp", "connect", "gemini", "-y").ok()
    file, other = project.cwd / ".gemini/settings.json", project.cwd / ".gemini/GEMINI.md"
    other.touch()
    project.run("mcp", "disconnect", "gemini", "-y").ok()
    assert (file.exists(), other.exists()) == (False, True)
    file.write_text('{"theme": "x"}')
    project.run("mcp", "connect", "gemini", "-y").ok()
    project.run("mcp", "disconnect", "gemini", "-y").ok()
    assert json.loads(file.read_text())["theme"] == "x"


def test_opencode_takes_one_command(project: Sandbox) -> None:
    project.run("mcp", "connect", "opencode", "--yes").ok()
    found = table(project.cwd / "opencode.json", "opencode")
    assert found["type"] == "local"
    assert isinstance(found["command"], list)
    assert found["command"][1:] == ["mcp"]


def test_zed_is_told_which_project(project: Sandbox) -> None:
    file = project.home / ".config/zed/settings.json"
    file.parent.mkdir(parents=True)
    file.write_text('// my settings\n{\n  "theme": "One", // dark\n}\n')
    project.run("mcp", "connect", "zed", "-y").ok()
    text = file.read_text()
    assert text.startswith('// my settings\n{\n  "theme": "One", // dark\n')
    assert f'"{project.cwd}"' in text
    project.run("mcp", "disconnect", "zed", "-y").ok()
    assert "// dark" in file.read_text()


def test_the_user_s_own(project: Sandbox) -> None:
    file = project.home / ".claude.json"
    file.write_text('{"history": [1], "mcpServers": {"other": {}}}')
    file.chmod(0o600)
    project.run("mcp", "connect", "claude-code", "--user", "-y").ok()
    assert table(file, "claude-code")["args"] == ["mcp", "--user"]
    assert json.loads(file.read_text())["history"] == [1]
    assert file.stat().st_mode & 0o777 == 0o600


def test_outside_a_project_a_note_says_whose_plugins_are_meant(sandbox: Sandbox) -> None:
    note = "no tark.toml here or above: connecting your own plugins (--user)"
    assert note in sandbox.run("mcp", "connect", "codex", "--dry-run").ok().err
    assert "no tark.toml" not in sandbox.run("mcp", "connect", "codex", "--dry-run", "--user").ok().err
    sandbox.run("init", "--user").ok()
    assert "here or above: serving your own plugins (--user)" in sandbox.execute("mcp").ok().err


def test_printing_changes_nothing(project: Sandbox) -> None:
    printed = project.run("mcp", "connect", "codex", "--print").ok().out
    assert tomllib.loads(printed)["mcp_servers"]["tarkpm"]["args"] == ["mcp"]
    report = project.run("mcp", "connect", "codex", "--dry-run", "--json").ok().json
    assert report["changed"] is True
    assert not (project.cwd / ".codex").exists()


def test_codex_s_comments_stay(project: Sandbox) -> None:
    file = project.cwd / ".codex/config.toml"
    file.parent.mkdir()
    before = 'model = "x" # mine\n\n[mcp_servers.other] # yours\ncommand = "o"\n'
    file.write_text(before)
    project.run("mcp", "connect", "codex", "-y").ok()
    assert file.read_text().startswith(before)
    project.run("mcp", "disconnect", "codex", "-y").ok()
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("client", "text", "problem"),
    [
        ("claude-code", "{\n  oops", "the file is not JSON: expected a key, found 'oops' (line 2)"),
        ("codex", "a = 1\noops\n", "the file is not TOML: "),
    ],
)
def test_settings_that_cannot_be_read_are_left_alone(
    project: Sandbox, client: str, text: str, problem: str
) -> None:
    file = project.cwd / STARTED[client][0]
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    failed = project.run("mcp", "connect", client, "-y").failed(2, problem, "line 2", "--print")
    assert "cannot be edited" not in failed.err
    assert file.read_text() == text


@pytest.mark.parametrize("name", [".mcp.json", ".codex"])
def test_a_link_out_of_the_project_is_not_followed(project: Sandbox, name: str) -> None:
    """A repository could otherwise have a file of the user's home written."""
    target = project.home / "secret"
    if name == ".codex":
        target.mkdir()
    else:
        target.write_text("{}")
    os.symlink(target, project.cwd / name)
    client = "codex" if name == ".codex" else "claude-code"
    project.run("mcp", "connect", client, "-y").failed(1, "a link that leads out of the project")
    assert (list(target.iterdir()) == []) if target.is_dir() else (target.read_text() == "{}")


def test_export_writes_an_agent_plugin(project: Sandbox) -> None:
    project.run("mcp", "export", "out").ok()
    plugin, servers = (
        json.loads((project.cwd / "out" / name).read_text()) for name in ("plugin.json", "mcp.json")
    )
    assert plugin["$schema"] == "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"
    assert plugin["name"] == "tarkpm-app"
    server = servers["mcpServers"]["tarkpm"]
    assert server["type"] == "stdio"
    assert server["args"] == ["mcp", "--project", str(project.cwd)]
    assert set(server) == {"type", "command", "args"}  # the schema is closed
    # Section 7.2.1: "a bare executable name or a plugin-relative path beginning with `./`"
    assert server["command"] == "./bin/tarkpm"
    program = project.cwd / "out" / server["command"]
    said = subprocess.run([program, "--version"], env=project.environment(), capture_output=True, text=True)
    assert said.stdout.startswith("tarkpm ")
    project.run("mcp", "export", "out").failed(2, "expected a new or empty folder")
