"""``tarkpm list``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import (
    Invocation,
    common,
)
from tarkpm.cli.rendering import colored, note_lines, status_text
from tarkpm.cli.tables import table
from tarkpm.core.release import TYPES
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.list import ListReport


@click.command("list", cls=CheckedCommand)
@click.option("--type", "kind", type=click.Choice(TYPES), help="Show only plugins of this type.")
@common
def list_command(invocation: Invocation, kind: str | None) -> int:
    """List the installed plugins."""
    from tarkpm.ops.list import list_plugins

    report = list_plugins(invocation.settings, invocation.ui, type=kind or "")
    invocation.report(report, lambda: list_lines(report))
    return 0


def list_lines(report: "ListReport") -> list[str]:
    """Return the table of `tarkpm list`."""
    header = ("ID", "Version", "Type", "Status", "Signer", "Description")
    rows = [
        (row.id, row.version, row.type, status_text(row.status), short_key(row.signer), _cut(row.description))
        for row in report.plugins
    ]
    lines = table(
        header, [tuple(neutral(cell) for cell in row) for row in rows], whole=("ID", "Version", "Status")
    )
    if not rows and report.type:
        lines = [f"No {report.type} plugins installed."]
    elif not rows:
        lines = ["No plugins installed.", "", "Add one with:", "  tarkpm add <git-url>"]
    lines = [style(lines[0], bold=True), *map(colored, lines[1:])] if rows else lines
    return [*lines, "", f"Plugins directory: {neutral(report.directory)}", *note_lines(report.notes)]


def _cut(text: str) -> str:
    return text if len(text) <= 48 else text[:47] + "…"


def short_key(signer: str) -> str:
    """Shorten a key for a table, and a CI identity to its repository; other texts stay as they are."""
    if signer.startswith("ed25519:"):
        return signer[:16] + "…"
    return signer.partition("/.github/")[0]
