"""The commands about accepted decisions: accept and accepted."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.console import style, table
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.accept import AcceptReport
    from tarkpm.ops.accepted import AcceptedList


@click.command("accept")
@click.option(
    "--print", "only_print", is_flag=True, help="Show the decisions and their digest; accept nothing."
)
@dry_run
@common
def accept_command(invocation: Invocation, only_print: bool) -> int:
    """Accept what the project decides, before anything is fetched.

    CI accepts exactly the decisions of a reviewed commit with --accept-project=DIGEST.
    """
    from tarkpm.ops.accept import accept, preview

    report = (preview if only_print else accept)(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _decisions(report))
    return 0


def _decisions(report: "AcceptReport") -> list[str]:
    state = "accepted" if report.accepted else "not accepted"
    lines = [f"{neutral(report.project)}: {state}"]
    lines += [f"  would {neutral(line)}" for line in report.new]
    return [*lines, f"digest  {report.digest}"]


@click.command("accepted")
@click.option(
    "--forget",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Take back what was accepted of the project in DIR.",
)
@dry_run
@common
def accepted_command(invocation: Invocation, forget: Path | None) -> int:
    """List the projects whose decisions you accepted, and when."""
    from tarkpm.ops import accepted

    if forget is not None:
        row = accepted.forget(invocation.settings, forget)
        would = "would forget" if invocation.settings.dry_run else "forgot"
        invocation.report(row, lambda: [f"{would} what was accepted of {neutral(row.project)}"])
        return 0
    report = accepted.accepted(invocation.settings)
    invocation.report(report, lambda: _accepted(report))
    return 0


def _accepted(report: "AcceptedList") -> list[str]:
    if not report.projects:
        return ["nothing has been accepted yet"]
    rows = [
        (row.accepted_at, str(len(row.plugins)), row.digest[:19] + "…", neutral(row.project))
        for row in report.projects
    ]
    return [
        style(line, bold=not i)
        for i, line in enumerate(table(("ACCEPTED", "PLUGINS", "DIGEST", "PROJECT"), rows))
    ]
