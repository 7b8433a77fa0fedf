"""``tarkpm accept``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.accept import AcceptReport


@click.command("accept", cls=CheckedCommand)
@click.option(
    "--print", "only_print", is_flag=True, help="Show the decisions and their digest without accepting."
)
@dry_run
@common
def accept_command(invocation: Invocation, only_print: bool) -> int:
    """Accept the project's decisions; fetches nothing.

    In CI, --accept-project=DIGEST accepts exactly the decisions of a reviewed commit.
    """
    from tarkpm.ops.accept import accept, preview

    report = (preview if only_print else accept)(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _decisions(report))
    return 0


def _decisions(report: "AcceptReport") -> list[str]:
    state = "accepted" if report.accepted else "not accepted"
    lines = [f"{neutral(report.project)}: {state}"]
    lines += [f"  would {neutral(line)}" for line in report.new]
    lines.append(f"digest  {report.digest}")
    return [*lines, neutral(report.command)] if report.command else lines
