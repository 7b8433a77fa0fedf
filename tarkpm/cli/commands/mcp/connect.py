"""``tarkpm mcp connect``."""

from typing import TYPE_CHECKING, Any

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common, dry_run, yes
from tarkpm.core.agent.clients import CLIENTS
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.connect import ConnectReport


@click.command("connect", cls=CheckedCommand)
@click.argument("client", type=click.Choice(tuple(CLIENTS)), metavar="CLIENT")
@click.option("--print", "only_print", is_flag=True, help="Print the settings to paste and change nothing.")
@dry_run
@yes
@common
def connect_command(invocation: Invocation, client: str, only_print: bool) -> int:
    """Add this server to an agent's settings.

    CLIENT is claude-code, codex, vscode, cursor, gemini, opencode, zed or tark. The change is shown before it
    is made. With --user, the agent gets your own plugins, in every folder.
    """
    return run(invocation, client, only_print=only_print)


def run(invocation: Invocation, client: str, *, only_print: bool = False, remove: bool = False) -> int:
    """Plan the change, show it, and make it."""
    from tarkpm.ops.connect import apply, plan
    from tarkpm.ops.project.location import without_project

    if note := without_project(invocation.settings, "disconnecting" if remove else "connecting"):
        invocation.ui.note(note)
    change = plan(invocation.settings, client, remove=remove)
    report = change.report
    if only_print:
        invocation.report(report, lambda: [neutral(report.snippet, keep="\n")])
        return 0
    if not invocation.json:
        for line in _colored(report.diff):
            invocation.ui.say(line)
    apply(invocation.settings, invocation.ui, change)
    invocation.report(report, lambda: [_result(report, dry_run=invocation.settings.dry_run, remove=remove)])
    return 0


def _colored(diff: Any) -> list[str]:
    colors = {"+": "green", "-": "red"}
    return [style(neutral(line), fg=colors.get(line[:1])) for line in diff]


def _result(report: "ConnectReport", *, dry_run: bool, remove: bool) -> str:
    title = CLIENTS[report.client].title
    if not report.changed:
        return f"nothing to change: {title} {'has no' if remove else 'has this'} server in {report.file}"
    verb = "disconnected" if remove else "connected"
    return (
        f"would be {verb}: {title}" if dry_run else f"{style('✓', fg='green')} {verb} {title}: {report.file}"
    )
