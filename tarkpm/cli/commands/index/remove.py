"""``tarkpm index remove``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import index_names
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common, dry_run, read_name
from tarkpm.core.text import neutral


@click.command("remove", cls=CheckedCommand)
@click.argument("name", shell_complete=index_names)
@dry_run
@common
def remove_command(invocation: Invocation, name: str) -> int:
    """Remove an index from the project."""
    from tarkpm.ops.index import remove_index

    row = remove_index(invocation.settings, invocation.ui, read_name(name))
    done = "would remove" if invocation.settings.dry_run else "removed"
    invocation.report(row, lambda: [f"{style('-', fg='red')} {done} index {row.name} at {neutral(row.url)}"])
    return 0
