"""``tarkpm index countersign``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.maintainer import desk, maintainer_command, proposal_lines
from tarkpm.cli.options import Invocation

if TYPE_CHECKING:
    pass


@click.command("countersign", cls=CheckedCommand)
@click.argument("proposal", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--agree", default="", metavar="DIGEST", help="Sign without a prompt if the proposal has this digest."
)
@maintainer_command
def countersign_command(
    invocation: Invocation, folder: Path, proposal: Path | None, agree: str, keys: tuple[str, ...]
) -> int:
    """Review and sign PROPOSAL, or all proposals in pending/."""
    from tarkpm.ops.registry.countersign import countersign

    reports = countersign(desk(invocation, folder), invocation.ui, proposal, keys, agree)
    invocation.report(reports, lambda: [line for report in reports for line in proposal_lines(report)])
    return 0
