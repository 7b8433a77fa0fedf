"""``tarkpm outdated``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, allow_http, common
from tarkpm.cli.rendering import at_revision, note_lines
from tarkpm.cli.tables import table
from tarkpm.core.release_age import Young
from tarkpm.core.text import neutral
from tarkpm.errors import Unreachable

if TYPE_CHECKING:
    from tarkpm.ops.change.outlook import OutdatedRow
    from tarkpm.ops.outdated import OutdatedReport


@click.command("outdated", cls=CheckedCommand)
@allow_http
@common
def outdated_command(invocation: Invocation) -> int:
    """Show newer versions and what an update would take.

    Exits with status 1 if an update would take one, asks for a decision or is needed because a release was
    withdrawn, and with 5 if a plugin could not be checked. Newer versions that tark.toml excludes are only
    shown.
    """
    from tarkpm.ops.outdated import outdated

    report = outdated(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _outdated_lines(report))
    if report.failed:
        return Unreachable.exit_status
    return 1 if report.is_due else 0


def _outdated_lines(report: "OutdatedReport") -> list[str]:
    if not report.plugins and not report.unchecked:
        count = report.checked
        fine = (
            f"{count} plugin{'s are' if count != 1 else ' is'} up to date" if count else "nothing to update"
        )
        return [fine, *note_lines(report.notes)]
    rows = [(row.name, _cells(row, "-")) for row in report.plugins]
    rows += [(row.name, _cells(row, "?")) for row in report.unchecked]
    lines = table(
        ("Plugin", "Locked", "Update", "Newest", "Source", ""),
        [cells for _, cells in sorted(rows)],
        whole=("Plugin", "Locked", "Update", "Newest"),
        prose=("",),
    )
    if report.command:
        lines += ["", f"To install the versions under Update: {report.command}"]
    return [style(lines[0], bold=True), *lines[1:], *note_lines(report.notes)]


def _held(row: "OutdatedRow") -> str:
    if not row.held_by:
        return ""
    return f"held by {row.held_by}" + (f", newest tag {row.newest_tag}" if row.newest_tag else "")


def _cells(row: "OutdatedRow", unknown: str) -> tuple[str, ...]:
    one = row.waiting
    waiting = f"{one.version} {Young(one.until)}" if one else ""
    return (
        row.name,
        row.locked or "-",
        row.update or unknown,
        row.newest or unknown,
        neutral(row.source) + at_revision(row),
        neutral(row.warning) or waiting or neutral(_held(row)),
    )
