"""``tarkpm disable``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.commands.enable import switch
from tarkpm.cli.complete import plugin_names
from tarkpm.cli.options import (
    Invocation,
    common,
    dry_run,
)


@click.command("disable", cls=CheckedCommand)
@click.argument("name", shell_complete=plugin_names)
@dry_run
@common
def disable_command(invocation: Invocation, name: str) -> int:
    """Stop tark from loading a plugin."""
    return switch(invocation, name, enabled=False)
