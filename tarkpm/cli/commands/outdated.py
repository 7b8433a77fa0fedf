"""``tarkpm outdated``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style, table
from tarkpm.cli.options import Invocation, allow_http, common
from tarkpm.cli.rendering import note_lines
from tarkpm.core.text import neutral
from tarkpm.errors import Unreachable

if TYPE_CHECKING:
    from tarkpm.ops.outdated import OutdatedReport


@click.command("outdated", cls=CheckedCommand)
@allow_http
@common
def outdated_command(invocation: Invocation) -> int:
    """Show newer versions and what an update would take. Exits with status 1 if there are any."""
    from tarkpm.ops.outdated import outdated

    report = outdated(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _outdated_lines(report))
    if report.failed:
        return Unreachable.exit_status
    return 1 if report.plugins else 0


def _outdated_lines(report: "OutdatedReport") -> list[str]:
    failed = [f"{style('failed:', fg='red')} {name}: {neutral(why)}" for name, why in report.failed.items()]
    if not report.plugins:
        count = report.checked
        fine = f"{count} plugin{'s are' if count != 1 else ' is'} up to date"
        return [fine, *failed, *note_lines(report.notes)]
    cells = [
        (
            row.name,
            row.locked or "-",
            row.update or "-",
            row.newest or "-",
            neutral(row.source) + (f" at {row.commit[:12]}" if row.commit else ""),
            neutral(row.warning),
        )
        for row in report.plugins
    ]
    lines = table(("Plugin", "Locked", "Update", "Newest", "Source", ""), cells)
    if report.command:
        lines += ["", f"To install the versions under Update: {report.command}"]
    return [style(lines[0], bold=True), *lines[1:], *failed, *note_lines(report.notes)]
