"""``tarkpm tools``: the tools of enabled tool plugins, as the plugins define them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tarkpm.core.agent.listing import Exposure, definition, listing, size, tokens
from tarkpm.core.release import names_folder
from tarkpm.core.tool import ToolDef
from tarkpm.host.imports.log import LogSink
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.run.agent_tools import agent_tools
from tarkpm.ops.run.pinned import pinned_plugins


class Tool(msgspec.Struct, frozen=True):
    """One tool. Everything but ``plugin`` is the plugin's claim; ``schema`` is None if it is not JSON."""

    plugin: str
    name: str
    risk: str
    description: str
    schema: Any


class SizeReport(msgspec.Struct, frozen=True):
    """The size of the definitions that agents read, in bytes and in estimated tokens.

    ``plugins`` holds the bytes of each plugin, ``total`` those of all; ``listed`` is what ``tarkpm mcp``
    lists by default, and ``hidden`` how many tools it then lists only when it is searched.
    """

    plugins: dict[str, int]
    total: int
    total_tokens: int
    listed: int
    listed_tokens: int
    hidden: int


class ToolsReport(msgspec.Struct, frozen=True):
    """All tools, and the errors of plugins that failed to list theirs."""

    tools: tuple[Tool, ...]
    failed: dict[str, str] = {}


def tools(settings: Settings, ui: Ui, target: str, log: LogSink) -> ToolsReport:
    """Return the tools of one plugin (or working copy), or of every enabled tool plugin.

    Pinned definitions are read from the store, and only plugins without them are started. A plugin that fails
    is reported and does not hide the others; a named one raises.
    """
    known = {} if names_folder(target) else pinned(settings, ui)
    if target:
        name, found = _one(settings, ui, target, known, log)
        return ToolsReport(_tools(name, found))
    from tarkpm.ops.run.definitions import ask_all

    asked, failed = ask_all(settings, ui, known, log)
    everything = {**known, **asked}
    found_all = (tool for name in sorted(everything) for tool in _tools(name, everything[name]))
    return ToolsReport(tuple(found_all), failed)


def sizes(settings: Settings, ui: Ui) -> SizeReport:
    """Return the size of the pinned definitions. No plugin is started."""
    with open_for_reading(settings, ui) as workspace:
        found = agent_tools(pinned_plugins(workspace))
    plugins: dict[str, int] = {}
    for tool in found:
        plugins[tool.plugin] = plugins.get(tool.plugin, 0) + size(definition(tool))
    total, default = sum(plugins.values()), listing(found, Exposure())
    return SizeReport(plugins, total, tokens(total), default.size, tokens(default.size), default.hidden)


def _one(
    settings: Settings, ui: Ui, target: str, known: Mapping[str, Sequence[ToolDef]], log: LogSink
) -> tuple[str, Sequence[ToolDef]]:
    if target in known:
        return target, known[target]
    from tarkpm.ops.run.definitions import ask_one

    return ask_one(settings, ui, target, log)


def pinned(settings: Settings, ui: Ui) -> dict[str, Sequence[ToolDef]]:
    """Return the pinned definitions that are all in the store, by enabled plugin."""
    with open_for_reading(settings, ui) as workspace:
        found = pinned_plugins(workspace)
    return {one.name: one.tools for one in found if one.tools is not None}


def _tools(plugin: str, found: Sequence[ToolDef]) -> tuple[Tool, ...]:
    return tuple(_tool(plugin, tool) for tool in found)


def _tool(plugin: str, tool: ToolDef) -> Tool:
    try:
        schema = json.loads(tool.parameters_schema)
    except (ValueError, RecursionError):
        schema = None
    return Tool(plugin, tool.name, tool.risk, tool.description, schema)
