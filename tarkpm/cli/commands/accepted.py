"""``tarkpm accepted``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.cli.tables import table
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.accepted import AcceptedList


@click.command("accepted", cls=CheckedCommand)
@click.option(
    "--forget",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Withdraw the acceptance of the project in DIR, and of its hand-placed plugins.",
)
@dry_run
@common
def accepted_command(invocation: Invocation, forget: Path | None) -> int:
    """List the projects whose decisions you accepted."""
    from tarkpm.ops import accepted

    if forget is not None:
        row = accepted.forget(invocation.settings, forget)
        would = "would forget" if invocation.settings.dry_run else "forgot"
        invocation.report(row, lambda: [f"{would} the accepted decisions of {neutral(row.project)}"])
        return 0
    report = accepted.accepted(invocation.settings)
    invocation.report(report, lambda: _accepted(report))
    return 0


def _accepted(report: "AcceptedList") -> list[str]:
    if not report.projects:
        return ["nothing has been accepted yet"]
    rows = [
        (row.accepted_at or "-", str(len(row.plugins)), row.digest, neutral(row.project))
        for row in report.projects
    ]
    lines = table(("ACCEPTED", "PLUGINS", "DIGEST", "PROJECT"), rows, whole=("ACCEPTED",), prose=("PROJECT",))
    return [style(line, bold=not i) for i, line in enumerate(lines)]
