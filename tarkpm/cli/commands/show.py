"""``tarkpm show``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import generations
from tarkpm.cli.options import Invocation, common
from tarkpm.cli.rendering import note_lines
from tarkpm.core.text import neutral


@click.command("show", cls=CheckedCommand)
@click.argument(
    "number", type=click.IntRange(min=1), required=False, metavar="[N]", shell_complete=generations
)
@common
def show_command(invocation: Invocation, number: int | None) -> int:
    """Show what generation N changed. [default: the newest]"""
    from tarkpm.cli.differences import difference_lines
    from tarkpm.ops.show import show

    report = show(invocation.settings, invocation.ui, number)
    head = f"{report.at}  {neutral(report.command) or '(as found)'}"
    invocation.report(report, lambda: [head, *difference_lines(report), *note_lines(report.notes)])
    return 0
