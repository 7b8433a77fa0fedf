"""``tarkpm tools``."""

import json
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import tool_plugin_names
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, running
from tarkpm.cli.rendering import print_log
from tarkpm.cli.tables import table
from tarkpm.cli.text_args import target
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.tools import SizeReport, ToolsReport


@click.command("tools", cls=CheckedCommand)
@click.argument("plugin", shell_complete=tool_plugin_names, default="")
@click.option("--size", is_flag=True, help="Report how much of an agent's context the tools take.")
@running
def tools_command(invocation: Invocation, plugin: str, size: bool) -> int:
    """List the tools of one plugin. [default: every enabled tool plugin]"""
    from tarkpm.ops.tools import sizes, tools

    if size:
        if plugin:
            raise click.UsageError("expected PLUGIN or --size, found both")
        found = sizes(invocation.settings, invocation.ui)
        invocation.report(found, lambda: size_lines(found))
        return 0
    report = tools(invocation.settings, invocation.ui, target(plugin) if plugin else "", print_log)
    invocation.report(report, lambda: tool_lines(report))
    return 1 if report.failed else 0


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
    lines = table(("Plugin and tool", "Risk", "Description"), rows) if rows else ["No tools."]
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
    return [*lines, *(f"{failed} {neutral(name)}: {neutral(why)}" for name, why in report.failed.items())]


def _first(text: str) -> str:
    line = neutral(text.strip().split("\n")[0])
    return line if len(line) <= 60 else line[:59] + "…"
