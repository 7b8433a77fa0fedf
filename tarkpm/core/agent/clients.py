"""The programs that can start ``tarkpm mcp``: where each keeps its servers, and in what form.

Looked up in each client's documentation in November 2026. They change: `connect` shows what it would write.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

NAME: Final = "tarkpm"
"""The name of the server in every client's settings."""

Form = Literal["json", "toml"]


class Client(msgspec.Struct, frozen=True):
    """A client of agents.

    ``project`` is its file in a project's folder, "" if it has none; ``user`` is the one below the user's
    home folder. ``key`` is the table of servers in it. ``placeholder`` stands for the project's folder, if
    the client starts servers elsewhere.
    """

    title: str
    project: str
    user: str
    key: str
    form: Form = "json"
    placeholder: str = ""
    typed: bool = False
    one_command: bool = False


CLIENTS: Final[Mapping[str, Client]] = {
    "claude-code": Client("Claude Code", ".mcp.json", ".claude.json", "mcpServers", typed=True),
    "codex": Client("Codex", ".codex/config.toml", ".codex/config.toml", "mcp_servers", "toml"),
    "vscode": Client(
        "VS Code",
        ".vscode/mcp.json",
        ".config/Code/User/mcp.json",
        "servers",
        placeholder="${workspaceFolder}",
        typed=True,
    ),
    "cursor": Client(
        "Cursor",
        ".cursor/mcp.json",
        ".cursor/mcp.json",
        "mcpServers",
        placeholder="${workspaceFolder}",
        typed=True,
    ),
    "gemini": Client("Gemini CLI", ".gemini/settings.json", ".gemini/settings.json", "mcpServers"),
    "opencode": Client(
        "opencode", "opencode.json", ".config/opencode/opencode.json", "mcp", one_command=True
    ),
    "zed": Client("Zed", "", ".config/zed/settings.json", "context_servers"),
    "tark": Client("tark", ".tark/mcp/servers.toml", ".config/tark/mcp/servers.toml", "servers", "toml"),
}


def entry(client: Client, command: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the settings that make ``client`` start a command."""
    if client.one_command:
        return {"type": "local", "command": [command, *arguments], "enabled": True}
    kind = {"type": "stdio"} if client.typed else {}
    found = {**kind, "command": command, "args": list(arguments)}
    if client.key == "servers" and client.form == "toml":
        return {"name": "tarkpm plugins", **found, "enabled": True}
    return found
