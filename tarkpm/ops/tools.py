"""``tarkpm tools``: the tools of enabled tool plugins, as the plugins define them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from tarkpm.core.agent.listing import Exposure, definition, listing, size, tokens
from tarkpm.core.agent.rules import McpRules
from tarkpm.core.release import names_folder
from tarkpm.core.tool import ToolDef
from tarkpm.errors import TarkError
from tarkpm.host.imports.log import LogSink
from tarkpm.ops.project.agent_rules import rules_in_force
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.release.listing import not_installed, unlocked_note, unpinned_note
from tarkpm.ops.release.tool_changes import ChangesReport, tool_changes
from tarkpm.ops.run.agent_tools import agent_tools
from tarkpm.ops.run.pinned import PinnedPlugin, left_out_notes, pinned_plugins


class Tool(msgspec.Struct, frozen=True):
    """One tool. ``schema`` is None if it is not JSON. ``pinned`` says whether tark.lock pins the definition.

    ``agents`` says what an agent gets: "allowed", "asks" where a person is asked before each call, "denied"
    by the rules of ``[mcp]``, or "unpinned", which no agent is offered. Everything but ``plugin``, ``pinned``
    and ``agents`` is the plugin's claim.
    """

    plugin: str
    name: str
    risk: str
    description: str
    schema: Any
    pinned: bool
    agents: Literal["allowed", "asks", "denied", "unpinned"]


class SizeReport(msgspec.Struct, frozen=True):
    """The size of the definitions that agents read, in bytes and in estimated tokens.

    ``plugins`` holds the bytes of each plugin, ``total`` those of all; ``listed`` is what ``tarkpm mcp``
    lists by default, and ``hidden`` how many tools it then lists only when it is searched. ``denied`` counts
    the tools that the rules of ``[mcp]`` deny, which are in none of the sizes.
    """

    plugins: dict[str, int]
    total: int
    total_tokens: int
    listed: int
    listed_tokens: int
    hidden: int
    denied: int


class ToolsReport(msgspec.Struct, frozen=True):
    """All tools, and the errors of plugins that failed to list theirs; ``hints`` are commands for those."""

    tools: tuple[Tool, ...]
    failed: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    hints: dict[str, str] = {}


def tools(settings: Settings, ui: Ui, target: str, log: LogSink) -> ToolsReport:
    """Return the tools of one plugin (or working copy), or of every enabled tool plugin.

    Pinned definitions are read from the store, and only plugins without them are started. A plugin that fails
    is reported and does not hide the others; a named one raises.
    """
    place = _Place() if names_folder(target) else _place(settings, ui)
    known = {one.name: one.tools for one in place.plugins if one.tools is not None}
    if target:
        name, found = _one(settings, ui, target, known, log)
        return _report(place, {name: found})
    from tarkpm.ops.run.definitions import ask_all

    asked, failed = ask_all(settings, ui, known, log)
    return _report(place, {**known, **asked}, failed, place.notes)


def sizes(settings: Settings, ui: Ui) -> SizeReport:
    """Return the size of the pinned definitions. No plugin is started."""
    with open_for_reading(settings, ui) as workspace:
        pinned = pinned_plugins(workspace)
        every = agent_tools(pinned)
        rules, idle = rules_in_force(workspace)
        notes = (*map(str, idle), *left_out_notes(workspace, pinned), unlocked_note(workspace))
        for note in filter(None, notes):
            ui.note(note)
    found = [tool for tool in every if rules.serves(tool.plugin, tool.tool)]
    plugins: dict[str, int] = {}
    for tool in found:
        plugins[tool.plugin] = plugins.get(tool.plugin, 0) + size(definition(tool))
    total, default = sum(plugins.values()), listing(found, Exposure())
    denied = len(every) - len(found)
    return SizeReport(
        plugins, total, tokens(total), default.size, tokens(default.size), default.hidden, denied
    )


def changes(settings: Settings, ui: Ui, plugin: str, since: str = "") -> ChangesReport:
    """Return how the pinned definitions of one plugin, or of all, changed. No plugin is started.

    Nothing needs to be accepted: this shows what would be. Raises `NotFound` for an unknown plugin or commit.
    """
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        if note := unlocked_note(workspace):
            ui.note(note)
        name = workspace.name_of(plugin) if plugin else ""
        report = tool_changes(workspace, name, since)
        if name and not report.tools and name not in workspace.lock.by_name:
            raise not_installed(workspace, name, None)
        return report


def _one(
    settings: Settings, ui: Ui, target: str, known: Mapping[str, Sequence[ToolDef]], log: LogSink
) -> tuple[str, Sequence[ToolDef]]:
    if target in known:
        return target, known[target]
    from tarkpm.ops.run.definitions import ask_one

    return ask_one(settings, ui, target, log)


class _Place(msgspec.Struct, frozen=True):
    """The plugins of a project, its rules for agents, and notes about both. Empty for a folder."""

    plugins: Sequence[PinnedPlugin] = ()
    rules: McpRules = McpRules()
    notes: tuple[str, ...] = ()


def _place(settings: Settings, ui: Ui) -> _Place:
    with open_for_reading(settings, ui) as workspace:
        plugins = pinned_plugins(workspace)
        rules, idle = rules_in_force(workspace)
        return _Place(plugins, rules, (*map(str, idle), *filter(None, [unlocked_note(workspace)])))


def _report(
    place: _Place,
    found: Mapping[str, Sequence[ToolDef]],
    failed: Mapping[str, TarkError] | None = None,
    notes: Sequence[str] = (),
) -> ToolsReport:
    plugins = place.plugins
    pinned = {one.name for one in plugins if one.is_pinned}
    tools = tuple(
        _tool(name, tool, place.rules, pinned=name in pinned)
        for name in sorted(found)
        for tool in found[name]
    )
    # Working copies are not among them: their files are the user's own, and change with every edit.
    unpinned = [one.name for one in plugins if one.is_unpinned and one.name in found]
    problems = failed or {}
    return ToolsReport(
        tools,
        {name: problem.message for name, problem in problems.items()},
        (*([unpinned_note(unpinned)] if unpinned else []), *notes),
        {name: problem.hint for name, problem in problems.items() if problem.hint},
    )


def _tool(plugin: str, tool: ToolDef, rules: McpRules, *, pinned: bool) -> Tool:
    try:
        schema = json.loads(tool.parameters_schema)
    except (ValueError, RecursionError):
        schema = None
    allowed: Literal["allowed", "asks"] = "asks" if rules.asks(tool.risk) else "allowed"
    agents = "unpinned" if not pinned else allowed if rules.serves(plugin, tool.name) else "denied"
    return Tool(plugin, tool.name, tool.risk, tool.description, schema, pinned, agents)
