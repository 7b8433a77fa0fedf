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
    from tarkpm.cli.console import Console
    from tarkpm.core.consent import Answers
    from tarkpm.ops.author.reviewing import ReviewedDifference


@click.command("update", cls=CheckedCommand)
@click.argument("names", shell_complete=plugin_names, nargs=-1, metavar="[NAME...]")
@click.option(
    "--review",
    is_flag=True,
    help="Show what differs, and what new releases do on recorded calls, before asking.",
)
@consent
@yes
@keep_data
@offline
@allow_http
@dry_run
@common
def update_command(invocation: Invocation, names: tuple[str, ...], answers: "Answers", review: bool) -> int:
    """Update plugins to what their sources hold now. [default: all plugins]

    With --review and without a terminal, nothing is changed unless -y is given.
    """
    from tarkpm.ops.update import ReviewReport, reviewer, update

    settings, ui = invocation.settings, invocation.ui
    look = reviewer(lambda difference: _show(ui, difference)) if review else None
    report = update(settings, ui, [read_name(name) for name in names], answers, review=look)
    only_shown = settings.dry_run or (isinstance(report, ReviewReport) and not report.applied)
    invocation.report(report, lambda: taken_lines(report, dry_run=only_shown) or ["nothing to update"])
    return 0


def _show(ui: "Console", difference: "ReviewedDifference") -> None:
    from tarkpm.cli.differences import difference_lines

    for line in difference_lines(difference):
        ui.say(line)
