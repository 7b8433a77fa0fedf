"""``tarkpm bundle inspect``."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common
from tarkpm.cli.rendering import compiled_line, note_lines
from tarkpm.cli.tables import table
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.bundle import BundleInspectReport


@click.command("inspect", cls=CheckedCommand)
@click.argument("file", type=click.Path(path_type=Path))
@common
def inspect_command(invocation: Invocation, file: Path) -> int:
    """Show what a bundle says it contains. Nothing is verified."""
    from tarkpm.ops.bundle import inspect_bundle

    report = inspect_bundle(invocation.settings, file)
    invocation.report(report, lambda: _lines(report))
    return 0


def _lines(report: "BundleInspectReport") -> list[str]:
    rows = [
        (
            one.name,
            one.version,
            one.type,
            f"{one.size:,}",
            "signed" if one.signed else "unsigned",
            neutral(", ".join(one.declared)),
        )
        for one in report.plugins
    ]
    heads = ("Plugin", "Version", "Type", "Bytes", "", "Declares")
    lines = table(heads, rows, whole=("Plugin", "Version"), prose=("Declares",)) if rows else [""]
    return [
        *([style(lines[0], bold=True), *lines[1:]] if rows else ["The bundle has no plugins."]),
        *(f"index {one.root}, fresh until {neutral(one.fresh_until)}" for one in report.indexes),
        *map(compiled_line, report.compiled),
        *note_lines((f"nothing was verified: tarkpm bundle verify {shlex.quote(report.file)}",)),
    ]
