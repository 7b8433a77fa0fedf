"""``tarkpm licenses``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common
from tarkpm.cli.tables import table
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.licenses import LicensesReport


@click.command("licenses", cls=CheckedCommand)
@click.option(
    "--allow", multiple=True, metavar="SPDX", help="Allow a license; with any, others are findings."
)
@common
def licenses_command(invocation: Invocation, allow: tuple[str, ...]) -> int:
    """Show the licenses of the locked plugins. Exits with status 1 if one is not allowed."""
    from tarkpm.ops.licenses import licenses

    report = licenses(invocation.settings, invocation.ui, allow)
    invocation.report(report, lambda: _lines(report))
    return 1 if any(row.allowed is False for row in report.plugins) else 0


def _lines(report: "LicensesReport") -> list[str]:
    if not report.plugins:
        return ["The project has no plugins."]
    marks = {None: "", True: "", False: "not allowed"}
    missing = {True: "none", False: "not known here: tarkpm sync"}
    rows = [
        (row.name, row.version, neutral(row.license) or missing[row.is_known], marks[row.allowed])
        for row in report.plugins
    ]
    lines = table(
        ("Plugin", "Version", "License", ""), rows, whole=("Plugin", "Version"), prose=("License", "")
    )
    return [style(lines[0], bold=True), *lines[1:]]
