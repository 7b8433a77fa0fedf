"""``tarkpm tools``."""

import json
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import tool_plugin_names
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, read_name, running_folders
from tarkpm.cli.rendering import note_lines, print_log
from tarkpm.cli.tables import table
from tarkpm.cli.text_args import target
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.release.tool_changes import ChangesReport
    from tarkpm.ops.tools import SizeReport, ToolsReport

MAX_DIFF = 200
"""Lines of one tool's diff that are printed."""


@click.command("tools", cls=CheckedCommand)
@click.argument("plugin", shell_complete=tool_plugin_names, default="")
@click.option("--size", is_flag=True, help="Report how much of an agent's context the tools take.")
@click.option("--changed", is_flag=True, help="Show the definitions in tark.lock that changed.")
@click.option(
    "--since", metavar="REVISION", help="With --changed, compare with this revision, such as HEAD~1 or a tag."
)
@running_folders
def tools_command(invocation: Invocation, plugin: str, size: bool, changed: bool, since: str | None) -> int:
    """List the tools of one plugin. [default: every enabled tool plugin]

    --changed compares tark.lock with what you accepted. If you accepted everything, it compares it with
    tark.lock in the last commit. It starts no plugin.
    """
    from tarkpm.ops.tools import sizes, tools

    if since is not None and not changed:
        raise click.UsageError("--since needs --changed")
    if changed:
        if size:
            raise click.UsageError("expected --changed or --size, found both")
        return _changed(invocation, plugin, since)
    if size:
        if plugin:
            raise click.UsageError("expected PLUGIN or --size, found both")
        found = sizes(invocation.settings, invocation.ui)
        invocation.report(found, lambda: size_lines(found))
        return 0
    report = tools(invocation.settings, invocation.ui, target(plugin) if plugin else "", print_log)
    invocation.report(report, lambda: tool_lines(report))
    return 1 if report.failed else 0


def _changed(invocation: Invocation, plugin: str, since: str | None) -> int:
    from tarkpm.ops.tools import changes

    name = read_name(plugin) if plugin else ""
    report = changes(invocation.settings, invocation.ui, name, since or "")
    invocation.report(report, lambda: change_lines(report))
    return 0


def change_lines(report: "ChangesReport") -> list[str]:
    """Return the tools that changed, each with the lines of its definition that differ."""
    base = f"tark.lock in commit {report.commit[:12]}" if report.commit else "what you accepted"
    if not report.tools:
        return [f"No tool differs from {base}."]
    lines = [f"Compared with {base}:"]
    for one in report.tools:
        risk = " → ".join(dict.fromkeys(filter(None, (one.risk_before, one.risk))))
        lines += ["", style(f"{one.plugin} {neutral(one.tool)}: {one.change} ({risk})", bold=True)]
        lines += [_colored(line) for line in one.diff[:MAX_DIFF]]
        if (more := len(one.diff) - MAX_DIFF) > 0:
            lines.append(f"  … {more:,} more lines: --json prints all")
        if not one.is_known:
            lines.append("  the text is not on this machine: tark.lock has its digest only")
    return lines


def _colored(line: str) -> str:
    color = {"+": "green", "-": "red"}.get(line[:1])
    return f"  {style(line, fg=color)}" if color else f"  {line}"


def size_lines(report: "SizeReport") -> list[str]:
    """Return the sizes by plugin, and what an agent loads."""
    from tarkpm.core.agent.listing import tokens

    rows = [(name, f"{count:,}", f"{tokens(count):,}") for name, count in report.plugins.items()]
    if not rows:
        return ["No tools."]
    rows.append(("all", f"{report.total:,}", f"{report.total_tokens:,}"))
    listed = f"tarkpm mcp lists {report.listed:,} bytes, about {report.listed_tokens:,} tokens"
    hidden = f"; {report.hidden:,} tools are found by search" if report.hidden else ""
    return [*table(("Plugin", "Bytes", "Tokens (estimated)"), rows), "", listed + hidden]


RISKS = {"risky": "yellow", "dangerous": "red"}


def tool_lines(report: "ToolsReport") -> list[str]:
    """Return the tools by plugin, each with its claimed risk, description and schema."""
    rows = [(f"{tool.plugin} {tool.name}", tool.risk, _first(tool.description)) for tool in report.tools]
    none = [] if report.notes or report.failed else ["No tools."]  # there may be some: the rest says why
    lines = table(("Plugin and tool", "Risk", "Description"), rows) if rows else none
    for index, tool in enumerate(report.tools, 1):
        if color := RISKS.get(tool.risk):
            lines[index] = lines[index].replace(f" {tool.risk} ", f" {style(tool.risk, fg=color)} ", 1)
    if rows:
        lines += ["", "Arguments"]
        lines += [
            f"  {tool.plugin} {neutral(tool.name)}: {neutral(json.dumps(tool.schema), limit=600)}"
            for tool in report.tools
        ]
    failed = style("failed:", fg="red")
    lines += [*([""] if lines else []), *note_lines(report.notes)] if report.notes else []
    lines += [f"{failed} {neutral(name)}: {neutral(why)}" for name, why in report.failed.items()]
    return [*lines, *(f"  help: {neutral(hint)}" for hint in dict.fromkeys(report.hints.values()))]


def _first(text: str) -> str:
    line = neutral(text.strip().split("\n")[0])
    return line if len(line) <= 60 else line[:59] + "…"
