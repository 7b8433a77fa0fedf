"""The SDK is imported only where it is needed, and only half of it."""

import subprocess
import sys

import pytest
from support.sandbox import Sandbox

pytest.importorskip("mcp")

WITHOUT = "import sys; sys.modules[{!r}] = None; from tarkpm.cli.entry import main; sys.exit(main(['mcp']))"


@pytest.mark.parametrize("name", ["mcp", "mcp_types"])
def test_without_the_sdk_one_command_installs_it(project: Sandbox, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(name)],
        cwd=project.cwd,
        env=project.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "needs the MCP SDK" in done.stderr
    assert "help: pip install 'mcp>=2.3,<3'" in done.stderr


def test_a_server_does_not_import_the_client() -> None:
    code = "import sys, tarkpm.agent.stdio; print(*[name for name in sys.modules if name.startswith('mcp.')])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "mcp.server.lowlevel.server" in loaded
    assert not [name for name in loaded if name.startswith(("mcp.client", "mcp.server.mcpserver"))]


def test_who_asks_for_the_rest_gets_it() -> None:
    code = "import tarkpm.agent.stdio; from mcp import Client; from mcp.server import MCPServer; print(Client, MCPServer)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout


def test_other_commands_import_none_of_it(project: Sandbox) -> None:
    code = (
        "import sys; from tarkpm.cli.entry import main; main(['tools']); main(['mcp', '--help'])\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('mcp', 'pydantic', 'anyio')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.cwd,
        env=project.environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("[]\n"), done


def test_tools_size(project: Sandbox) -> None:
    report = project.run("tools", "--size", "--json").ok().json
    assert report["plugins"] == {"text-tools": report["total"]}
    assert report["listed"] == report["total"] < 2000
    assert report["hidden"] == 0
    assert report["total_tokens"] == -(-report["total"] // 4)
    assert "tarkpm mcp lists" in project.run("tools", "--size").ok().out
    project.run("tools", "--size", "text-tools").failed(2, "found both")
