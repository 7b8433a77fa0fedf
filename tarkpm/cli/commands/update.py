"""``tarkpm update``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import plugin_names
from tarkpm.cli.options import (
    Invocation,
    allow_http,
    common,
    consent,
    dry_run,
    keep_data,
    offline,
    read_name,
    yes,
)
from tarkpm.cli.rendering import taken_lines

if TYPE_CHECKING:
    from tarkpm.core.consent import Answers


@click.command("update", cls=CheckedCommand)
@click.argument("names", shell_complete=plugin_names, nargs=-1, metavar="[NAME...]")
@consent
@yes
@keep_data
@offline
@allow_http
@dry_run
@common
def update_command(invocation: Invocation, names: tuple[str, ...], answers: "Answers") -> int:
    """Update plugins to what their sources hold now. [default: all plugins]"""
    from tarkpm.ops.update import update

    report = update(invocation.settings, invocation.ui, [read_name(name) for name in names], answers)
    invocation.report(
        report,
        lambda: taken_lines(report, dry_run=invocation.settings.dry_run) or ["nothing to update"],
    )
    return 0
