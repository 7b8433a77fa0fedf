"""``tarkpm index add``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, allow_http, common, dry_run, offline, read_name
from tarkpm.cli.rendering import note_lines
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    pass


@click.command("add", cls=CheckedCommand)
@click.argument("name")
@click.argument("url", metavar="URL|FOLDER")
@click.option(
    "--root",
    required=True,
    metavar="sha256:…|FILE",
    help="First root of the index, as its maintainers publish it.",
)
@offline
@allow_http
@dry_run
@common
def add_command(invocation: Invocation, name: str, url: str, root: str) -> int:
    """Add an index to the project. Trust in it starts with its root."""
    from tarkpm.ops.index import add_index

    row = add_index(invocation.settings, invocation.ui, read_name(name), url, root)
    done = "would add" if invocation.settings.dry_run else "added"
    lines = [f"{style('✓', fg='green')} {done} index {row.name} at {neutral(row.url)}"]
    if invocation.settings.offline:
        lines += note_lines(
            ("the root was not compared with the index: this happens when the index is first used",)
        )
    invocation.report(row, lambda: lines)
    return 0
