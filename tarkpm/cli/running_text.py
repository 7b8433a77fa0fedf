"""What running plugins looks like as text."""

import json
from typing import TYPE_CHECKING

import click

from tarkpm.cli.console import style, table
from tarkpm.core.text import neutral

if TYPE_CHECKING:  # a report's module is imported by the command that makes it
    from tarkpm.host.imports.log import LogLine
    from tarkpm.host.trace import HostCall
    from tarkpm.ops.chat import ChatReport
    from tarkpm.ops.hook import HookReport
    from tarkpm.ops.inspect import Entry, InspectReport
    from tarkpm.ops.run.sign_in import AuthReport
    from tarkpm.ops.tools import ToolsReport

LEVELS = {"warn": "yellow", "error": "red"}
MAX_SHOWN = 500
RISKS = {"risky": "yellow", "dangerous": "red"}


def print_log(line: "LogLine") -> None:
    """Show a plugin's log line on stderr; debug lines are left out."""
    if line.level == "debug":
        return
    head = f"[tarkpm] {line.plugin}" if line.by_host else f"[{line.plugin}] {line.level}"
    click.echo(style(f"{head}: {line.message}", fg=LEVELS.get(line.level)), err=True)


def print_trace(call: "HostCall") -> None:
    """Show a host call on stderr, secrets masked."""
    from tarkpm.host.trace import shown

    click.echo(style(f"[{call.plugin}] {shown(call)}", dim=True), err=True)


def tool_lines(report: "ToolsReport") -> list[str]:
    """Tools by plugin, each with its claim of a risk, its description and its schema."""
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


def auth_lines(report: "AuthReport") -> list[str]:
    """How an auth plugin stands."""
    return [f"{neutral(report.display_name)}: {report.status}"]


def model_lines(models: list[str], *, chosen: str | None = None) -> list[str]:
    """A provider's models, one a line; the one that will be talked to is marked, if one is ``chosen``."""
    if not models:
        return ["No models."]
    if chosen is None:
        return [neutral(name) for name in models]
    talked_to = chosen or models[0]
    return [f"{'*' if name == talked_to else ' '} {neutral(name)}" for name in models]


def chat_lines(report: "ChatReport") -> list[str]:
    """The answer, and the tokens it took."""
    lines = [neutral(report.text, keep="\n\t")]
    if report.input_tokens is not None:
        used = f"{report.input_tokens} tokens in, {report.output_tokens} out"
        lines.append(style(f"({neutral(report.model)}; {used})", dim=True))
    return lines


def hook_lines(report: "HookReport") -> list[str]:
    """The payload that comes out, after what each plugin did."""
    lines = [
        f"{neutral(one.plugin)}: {one.action}" + (f": {neutral(one.reason, limit=500)}" if one.reason else "")
        for one in report.handled
        if one.action != "ignored"
    ]
    return [*lines, "stopped" if report.stopped else neutral(report.payload, keep="\n\t")]


def inspect_lines(report: "InspectReport") -> list[str]:
    """The page of `tarkpm inspect`."""
    kind = "component" if report.kind == "component" else "core module"
    lines = [
        f"File:     {neutral(report.path)}",
        f"Kind:     {kind}, {report.size:,} bytes",
        f"SHA-256:  {report.sha256}",
        f"ABI:      {report.abi or 'none of tark'}",
        f"Uses:     {', '.join(report.interfaces) or 'no interface of tark'}",
        f"Fits:     {', '.join(report.fits) or 'no plugin type'}",
    ]
    if not report.fits:
        lines += [
            f"  {', '.join(kinds)}: {neutral(why)}" for why, kinds in _by_reason(report.misfits).items()
        ]
    for title, entries in (("Imports", report.imports), ("Exports", report.exports)):
        lines += ["", title, *(line for entry in entries for line in _entry_lines(entry))]
        if not entries:
            lines.append("  none")
    return lines


def _by_reason(misfits: dict[str, str]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for kind, why in misfits.items():
        reasons.setdefault(why, []).append(kind)
    return reasons


def _entry_lines(entry: "Entry") -> list[str]:
    """An import or export, and what is in it; WASI's interfaces are long and known, and only counted."""
    head = f"  {neutral(entry.name, limit=MAX_SHOWN)}"
    if entry.type or entry.kind not in ("interface", "module"):
        head += f": {neutral(entry.type or entry.kind, limit=MAX_SHOWN)}"
    if not entry.known:
        head += style("  unknown to tarkpm", fg="yellow")
    if entry.name.startswith("wasi:"):
        return [f"{head}  {len(entry.members)} in it"]
    inside = [*entry.types.items(), *entry.members.items()]
    return [
        head,
        *(f"    {neutral(name, limit=200)}: {neutral(text, limit=MAX_SHOWN)}" for name, text in inside),
    ]
