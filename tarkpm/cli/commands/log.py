"""``tarkpm log``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common
from tarkpm.cli.rendering import note_lines
from tarkpm.cli.tables import table
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.log import LoggedGeneration, LogReport


@click.command("log", cls=CheckedCommand)
@click.option(
    "-n",
    "--number",
    "most",
    type=click.IntRange(min=1),
    default=10,
    metavar="N",
    help="List N at most. [default: 10]",
)
@common
def log_command(invocation: Invocation, most: int) -> int:
    """List the changes of the project, newest first.

    Each is a generation: tarkpm keeps tark.toml and tark.lock as they were after it.
    """
    from tarkpm.ops.log import log

    report = log(invocation.settings, invocation.ui, most=most)
    invocation.report(report, lambda: _lines(report))
    return 0


def _lines(report: "LogReport") -> list[str]:
    if not report.generations:
        return ["no change has been recorded yet"]
    rows = [(str(one.number), one.at or "-", _summary(one), _command(one)) for one in report.generations]
    head, *lines = table(("N", "WHEN", "CHANGES", "COMMAND"), rows, whole=("N", "WHEN"), prose=("CHANGES",))
    notes = [f"{' and '.join(report.edited)} changed since"] if report.edited else []
    notes += [f"{report.older:,} older: tarkpm log -n {len(rows) + report.older}"] if report.older else []
    return [style(head, bold=True), *lines, *note_lines(tuple(notes))]


def _command(one: "LoggedGeneration") -> str:
    return neutral(one.command) or "(as found)"


def _summary(one: "LoggedGeneration") -> str:
    if not one.is_compared:
        return "?"
    from tarkpm.cli.differences import summary_words

    parts = [summary_words(change) for change in one.changes]
    if not parts and one.installed:
        parts = [f"installed {', '.join(one.installed)}"]
    return neutral("; ".join(parts) or f"{' and '.join(one.documents)} edited")
