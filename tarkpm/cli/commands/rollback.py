"""``tarkpm rollback``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import generations
from tarkpm.cli.differences import summary_words
from tarkpm.cli.options import (
    Invocation,
    allow_http,
    common,
    dry_run,
    keep_data,
    offline,
)
from tarkpm.cli.rendering import note_lines, sync_change_line
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.change.go_back import RollbackReport


@click.command("rollback", cls=CheckedCommand)
@click.argument(
    "number", type=click.IntRange(min=1), required=False, metavar="[N]", shell_complete=generations
)
@click.option(
    "--replace-edits",
    is_flag=True,
    help="Replace documents that changed since the newest generation; they are kept as one of their own.",
)
@click.option(
    "--with-data",
    is_flag=True,
    help="Also restore what plugins had stored, which a project with data-history = true keeps.",
)
@keep_data
@offline
@allow_http
@dry_run
@common
def rollback_command(invocation: Invocation, number: int | None, replace_edits: bool, with_data: bool) -> int:
    """Go back to generation N of the project. [default: the one before]

    Its tark.toml, its tark.lock and its plugins come back, as a new generation. What was revoked stays
    revoked, and what you no longer accept is asked about. What plugins stored stays as it is without
    --with-data.
    """
    from tarkpm.ops.rollback import rollback

    report = rollback(
        invocation.settings, invocation.ui, number, replace_edits=replace_edits, with_data=with_data
    )
    invocation.report(report, lambda: _lines(report, dry_run=invocation.settings.dry_run))
    return 0


def _lines(report: "RollbackReport", *, dry_run: bool) -> list[str]:
    if not (report.generation or report.changes):
        return ["nothing to do", *note_lines(report.notes)]
    done = "would go back" if dry_run else "went back"
    new = f", as generation {report.generation}" if report.generation else ""
    lines = [f"{done} to generation {report.to}{new}"]
    lines += [f"  {neutral(summary_words(change))}" for change in report.plugins]
    named = {change.name for change in report.plugins}
    lines += [f"  {sync_change_line(one)}" for one in report.changes if one.name not in named]
    be = "would be" if dry_run else "is"
    lines += [
        f"  {one.plugin}: its data {be} what it was before generation {one.before}" for one in report.data
    ]
    return [*lines, *note_lines(report.notes)]
