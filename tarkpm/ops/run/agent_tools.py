"""The pinned tools of a project under the names by which agents call them."""

from collections.abc import Sequence

from tarkpm.core.agent.listing import AgentTool, object_schema
from tarkpm.core.agent.naming import named
from tarkpm.core.danger import is_dangerous
from tarkpm.ops.run.pinned import PinnedPlugin

_WRITES = frozenset({"filesystem", "shell"})
_OUT = frozenset({"http", "shell"})
"""Kinds of capability with which a plugin reaches more than this project."""


def agent_tools(plugins: Sequence[PinnedPlugin]) -> list[AgentTool]:
    """Return the tools whose definitions are known, in the order of the plugins."""
    names = named((one.name, tool.name) for one in plugins for tool in one.tools or ())
    return [
        AgentTool(
            names[one.name, tool.name],
            one.name,
            tool.name,
            tool.description,
            object_schema(tool.parameters_schema),
            tool.risk,
            reaches_out=any(granted.kind in _OUT for granted in one.granted),
            may_write=any(granted.kind in _WRITES and is_dangerous(granted) for granted in one.granted),
        )
        for one in plugins
        for tool in one.tools or ()
    ]
