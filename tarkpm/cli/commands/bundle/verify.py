"""``tarkpm bundle verify``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common
from tarkpm.cli.rendering import CHECK, CROSS, compiled_line, note_lines
from tarkpm.core.text import counted, neutral, some

if TYPE_CHECKING:
    from tarkpm.ops.bundle import BundleVerifyReport


@click.command("verify", cls=CheckedCommand)
@click.argument("file", type=click.Path(path_type=Path))
@common
def verify_command(invocation: Invocation, file: Path) -> int:
    """Verify a bundle and that it fits the project here.

    Changes nothing. Without a project, everything but whose index it is can be verified.

    Exits with status 1 if the project needs a plugin that the bundle does not have.
    """
    from tarkpm.ops.bundle import verify

    report = verify(invocation.settings, invocation.ui, file)
    invocation.report(report, lambda: list(_lines(report)))
    return report.exit_status


def _lines(report: "BundleVerifyReport") -> Iterator[str]:
    yield style(f"{CHECK} {counted(len(report.plugins), 'plugin')} verified", fg="green")
    for one in report.indexes:
        yield f"  index {one.root}, fresh until {one.fresh_until}"
    for code in report.compiled:
        yield f"  {compiled_line(code)}"
    if report.missing:
        yield style(f"{CROSS} not in the bundle: {some(report.missing)}", fg="red")
    elif report.project:
        yield f"  fits {neutral(report.project)}"
    if report.unused:
        yield from note_lines((f"not locked here: {some(report.unused)}",))
    if not report.project and report.indexes:
        yield from note_lines(("only a project says which index to trust: compare the roots",))
