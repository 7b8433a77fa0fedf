"""``tarkpm revoke``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import granted, plugin_names
from tarkpm.cli.options import (
    Invocation,
    common,
    dry_run,
    read_capability,
    read_name,
)
from tarkpm.cli.rendering import grant_lines


@click.command("revoke", cls=CheckedCommand)
@click.argument("name", shell_complete=plugin_names)
@click.argument("capabilities", shell_complete=granted, nargs=-1, required=True, metavar="CAPABILITY...")
@dry_run
@common
def revoke_command(invocation: Invocation, name: str, capabilities: tuple[str, ...]) -> int:
    """Revoke capabilities of a plugin."""
    from tarkpm.ops.revoke import revoke

    unwanted = [read_capability(text) for text in capabilities]
    report = revoke(invocation.settings, invocation.ui, read_name(name), unwanted)
    invocation.report(report, lambda: grant_lines(report, dry_run=invocation.settings.dry_run))
    return 0
