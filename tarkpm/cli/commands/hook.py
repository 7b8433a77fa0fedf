"""``tarkpm hook``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, running_folders
from tarkpm.cli.rendering import print_call_log
from tarkpm.cli.text_args import read_json, target
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.hook import HookReport


@click.group("hook", cls=Group)
def hook_command() -> None:
    """Fire lifecycle events."""


@hook_command.command("run")
@click.argument("event")
@click.argument("payload", default="{}", metavar="[JSON | - | @FILE]")
@click.option("--plugin", default="", metavar="PLUGIN", help="Fire it for this plugin, or folder, only.")
@running_folders
def run_command(invocation: Invocation, event: str, payload: str, plugin: str) -> int:
    """Fire an event and print the resulting payload.

    Every enabled hook plugin gets the event, in order.
    """
    from tarkpm.ops.hook import run_hooks

    text = read_json(payload, "the payload is")
    name = target(plugin) if plugin else ""
    report = run_hooks(invocation.settings, invocation.ui, event, text, print_call_log, target=name)
    invocation.report(report, lambda: hook_lines(report))
    return 1 if report.stopped or any(one.action == "failed" for one in report.handled) else 0


def hook_lines(report: "HookReport") -> list[str]:
    """Return what each plugin did, then the resulting payload."""
    lines = [
        f"{neutral(one.plugin)}: {one.action}" + (f": {neutral(one.reason, limit=500)}" if one.reason else "")
        for one in report.handled
        if one.action != "ignored"
    ]
    return [*lines, "stopped" if report.stopped else neutral(report.payload, keep="\n\t")]
