"""``tarkpm outdated``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, allow_http, common
from tarkpm.cli.rendering import note_lines
from tarkpm.cli.tables import table
from tarkpm.core.release_age import Young
from tarkpm.core.text import neutral
from tarkpm.errors import Unreachable

if TYPE_CHECKING:
    from tarkpm.ops.outdated import OutdatedReport, OutdatedRow


@click.command("outdated", cls=CheckedCommand)
@allow_http
@common
def outdated_command(invocation: Invocation) -> int:
    """Show newer versions and what an update would take.

    Exits with status 1 if there are any, and with 5 if a plugin could not be checked.
    """
    from tarkpm.ops.outdated import outdated

    report = outdated(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _outdated_lines(report))
    if report.failed:
        return Unreachable.exit_status
    return 1 if report.plugins else 0


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
        whole=("Plugin", "Update", ""),
    )
    if report.command:
        lines += ["", f"To install the versions under Update: {report.command}"]
    return [style(lines[0], bold=True), *lines[1:], *note_lines(report.notes)]


def _cells(row: "OutdatedRow", unknown: str) -> tuple[str, ...]:
    one = row.waiting
    waiting = f"{one.version} {Young(one.until)}" if one else ""
    return (
        row.name,
        row.locked or "-",
        row.update or unknown,
        row.newest or unknown,
        neutral(row.source) + (f" at {row.commit[:12]}" if row.commit else ""),
        "; ".join(filter(None, (neutral(row.warning), waiting))),
    )
