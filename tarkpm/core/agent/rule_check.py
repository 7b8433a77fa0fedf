"""Find rules of ``[mcp]`` that name nothing, and close what such a rule may have meant to deny. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from tarkpm.core.agent.rules import McpRules
from tarkpm.core.name_similarity import nearest
from tarkpm.core.text import neutral

Known = Mapping[str, Collection[str] | None]
"""The names of tools by plugin, whose name is folded. None stands for tools that nobody pinned."""
MAX_SHOWN: Final = 100


class IdleRule(msgspec.Struct, frozen=True):
    """A rule that names no plugin and no tool of this project.

    ``plugin`` is the plugin it names, "" if there is none. ``near`` is the rule that was probably meant, ""
    if nothing is similar.
    """

    key: Literal["allow", "deny"]
    rule: str
    plugin: str = ""
    near: str = ""

    @property
    def closes(self) -> str:
        """The plugin whose tools are all denied because of this rule; "" if there is none."""
        return self.plugin if self.key == "deny" else ""

    def __str__(self) -> str:
        what = f"no tool of '{self.plugin}'" if self.plugin else "no plugin"
        near = f"; did you mean '{neutral(self.near, limit=MAX_SHOWN)}'?" if self.near else ""
        then = ", so agents get none of its tools" if self.closes else ""
        return f"[mcp] {self.key}: '{neutral(self.rule, limit=MAX_SHOWN)}' names {what}{then}{near}"


def idle_rules(rules: McpRules, known: Known) -> tuple[IdleRule, ...]:
    """Return the rules that name nothing, those of ``deny`` first."""
    return (*_idle("deny", rules.deny, known), *_idle("allow", rules.allow or (), known))


def closed(rules: McpRules, idle: Sequence[IdleRule]) -> McpRules:
    """Return the rules to apply: a plugin is denied whole if a rule denies a tool that it does not have.

    The tool may be misspelled, or an update may have renamed it: what the rule was for would be served.
    """
    deny = {*rules.deny, *(one.closes for one in idle if one.closes)}
    return msgspec.structs.replace(rules, deny=tuple(sorted(deny)))


def _idle(key: Literal["allow", "deny"], rules: Sequence[str], known: Known) -> Iterator[IdleRule]:
    for rule in rules:
        plugin, colon, tool = rule.partition(":")
        if plugin not in known:
            yield IdleRule(key, rule, near=_near(nearest(plugin, known), colon, tool, known))
            continue
        tools = known[plugin]
        if tools is not None and colon and tool not in tools:
            yield IdleRule(key, rule, plugin, _near(plugin, colon, tool, known, must=True))


def _near(plugin: str, colon: str, tool: str, known: Known, *, must: bool = False) -> str:
    if not plugin or not colon:
        return plugin
    tools = known[plugin] or ()
    found = tool if tool in tools else nearest(tool, tools)
    return f"{plugin}:{found}" if found else "" if must else plugin
