"""``tarkpm bundle create``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import locked_names
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, allow_http, common, offline
from tarkpm.cli.rendering import CHECK, note_lines
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.bundle import BundleCreateReport


@click.command("create", cls=CheckedCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=locked_names)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="File to write."
)
@offline
@allow_http
@common
def create_command(invocation: Invocation, names: tuple[str, ...], output: Path) -> int:
    """Write the locked plugins into one file.

    With names, only these and what they depend on. The file also has what community indexes say of them
    now: who may sign them, what was revoked, and advisories.
    """
    from tarkpm.ops.bundle import create

    report = create(invocation.settings, invocation.ui, output, names)
    invocation.report(report, lambda: _lines(report))
    return 0


def _lines(report: "BundleCreateReport") -> list[str]:
    held = counted(len(report.plugins), "plugin")
    if report.indexes:
        held += ", and what " + ("its index says" if len(report.indexes) == 1 else "their indexes say")
    return [
        f"{style(CHECK, fg='green')} wrote {neutral(report.file)}: {held} ({counted(report.size, 'byte')})",
        f"  {report.sha256}",
        *note_lines(report.notes),
    ]
