"""``tarkpm diff``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common
from tarkpm.cli.rendering import note_lines


@click.command("diff", cls=CheckedCommand)
@click.argument("before", default="HEAD", metavar="[BEFORE")
@click.argument("after", default="", metavar="[AFTER]]")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
@common
def diff_command(invocation: Invocation, before: str, after: str, markdown: bool) -> int:
    """Show what differs between two states of the project. Exits with status 1 if AFTER goes beyond BEFORE.

    A state is a revision of the project's git repository, or a lock file: what begins with / or ./, or ends
    in .lock. Without AFTER, it is the working tree; without both, HEAD is compared with it.
    """
    if markdown and invocation.json:
        raise click.UsageError("expected --markdown or --json, found both")
    from tarkpm.cli.differences import difference_lines, difference_markdown
    from tarkpm.ops.diff import diff

    report = diff(invocation.settings, invocation.ui, before, after)
    lines = difference_markdown if markdown else difference_lines
    invocation.report(report, lambda: [*lines(report), *note_lines(report.notes)])
    return 1 if report.is_wider else 0
