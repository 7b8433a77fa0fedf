"""``tarkpm index remove``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common, dry_run, read_name
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    pass


@click.command("remove", cls=CheckedCommand)
@click.argument("name")
@dry_run
@common
def remove_command(invocation: Invocation, name: str) -> int:
    """Remove an index from the project."""
    from tarkpm.ops.index import remove_index

    row = remove_index(invocation.settings, invocation.ui, read_name(name))
    done = "would remove" if invocation.settings.dry_run else "removed"
    invocation.report(row, lambda: [f"{style('-', fg='red')} {done} index {row.name} at {neutral(row.url)}"])
    return 0
