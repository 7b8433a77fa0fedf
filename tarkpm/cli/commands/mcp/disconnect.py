"""``tarkpm mcp disconnect``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.commands.mcp.connect import run
from tarkpm.cli.options import Invocation, common, dry_run, yes
from tarkpm.core.agent.clients import CLIENTS


@click.command("disconnect", cls=CheckedCommand)
@click.argument("client", type=click.Choice(tuple(CLIENTS)), metavar="CLIENT")
@dry_run
@yes
@common
def disconnect_command(invocation: Invocation, client: str) -> int:
    """Remove this server from an agent's settings.

    CLIENT is one of those that tarkpm mcp connect takes.
    """
    return run(invocation, client, remove=True)
