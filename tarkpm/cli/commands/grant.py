"""``tarkpm grant``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import grantable, plugin_names
from tarkpm.cli.options import (
    Invocation,
    common,
    dry_run,
    read_capability,
    read_name,
)
from tarkpm.cli.rendering import grant_lines


@click.command("grant", cls=CheckedCommand)
@click.argument("name", shell_complete=plugin_names)
@click.argument("capabilities", shell_complete=grantable, nargs=-1, metavar="CAPABILITY...")
@click.option("--reset", is_flag=True, help="Grant exactly the declared capabilities.")
@dry_run
@common
def grant_command(invocation: Invocation, name: str, capabilities: tuple[str, ...], reset: bool) -> int:
    """Grant capabilities to a plugin.

    A CAPABILITY is storage, http:HOST, env:NAME, filesystem:DIR, secret:ID=NAME or shell; the plugin must
    declare it.
    """
    from tarkpm.ops import grant

    if reset and capabilities:
        raise click.UsageError("expected capabilities or --reset, found both")
    if not reset and not capabilities:
        raise click.UsageError("expected capabilities, or --reset for all that are declared")
    settings, ui, plugin = invocation.settings, invocation.ui, read_name(name)
    wanted = [read_capability(text) for text in capabilities]
    report = grant.reset(settings, ui, plugin) if reset else grant.grant(settings, ui, plugin, wanted)
    invocation.report(report, lambda: grant_lines(report, dry_run=invocation.settings.dry_run))
    return 0
