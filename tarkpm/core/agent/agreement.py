"""The words with which a person is asked before an agent's call, and what the agent hears instead."""

from collections.abc import Mapping
from typing import Any, Final

from tarkpm.core.agent.calling import shown
from tarkpm.core.agent.listing import AgentTool
from tarkpm.core.text import neutral

UNASKED: Final = (
    "tark.toml requires that a person agrees to this call ([mcp] ask = {}), "
    "and this client cannot ask one: it has no elicitation"
)
DECLINED: Final = "the user did not agree to this call"


def question(tool: AgentTool, arguments: Mapping[str, Any]) -> str:
    """Return what a person must agree to before this call."""
    named = neutral(tool.tool, limit=100)
    head = f"Let the plugin '{tool.plugin}' run its tool '{named}'? It claims the risk {tool.risk}."
    return f"{head} Arguments: {shown(arguments)}"
