"""The rules of a project for agents, as they apply to its plugins (docs/decisions/0194)."""

from tarkpm.core.agent.rule_check import IdleRule, Known, closed
from tarkpm.core.agent.rule_check import idle_rules as found_idle
from tarkpm.core.agent.rules import McpRules
from tarkpm.core.release import folded
from tarkpm.ops.project.workspace import Workspace


def idle_rules(workspace: Workspace) -> tuple[IdleRule, ...]:
    """Return the rules of ``[mcp]`` that name no plugin or tool of this project."""
    rules = workspace.project.mcp
    return found_idle(rules, _known(workspace)) if rules.allow or rules.deny else ()


def rules_in_force(workspace: Workspace) -> tuple[McpRules, tuple[IdleRule, ...]]:
    """Return the rules to apply, and those that name nothing."""
    idle = idle_rules(workspace)
    return closed(workspace.project.mcp, idle), idle


def _known(workspace: Workspace) -> Known:
    """Return the tools by plugin: also of plugins that are not locked, pinned or installed by tarkpm."""
    names = (*workspace.project.requirements, *workspace.environment.names())
    pins = {one.name: one.tools for one in workspace.lock.entries}
    found: dict[str, list[str] | None] = dict.fromkeys(map(folded, names))
    for name, tools in pins.items():
        found[folded(name)] = None if tools is None else [one.name for one in tools]
    return found


def hint(rule: IdleRule) -> str:
    """Return the command that lists the names which a rule can use."""
    return f"tarkpm tools {rule.plugin}" if rule.plugin else "tarkpm tools"
