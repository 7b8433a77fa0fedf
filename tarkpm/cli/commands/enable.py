"""``tarkpm enable``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import plugin_names
from tarkpm.cli.options import (
    Invocation,
    common,
    dry_run,
    read_name,
)
from tarkpm.cli.rendering import enabled_line


@click.command("enable", cls=CheckedCommand)
@click.argument("name", shell_complete=plugin_names)
@dry_run
@common
def enable_command(invocation: Invocation, name: str) -> int:
    """Allow tark to load a plugin again."""
    return switch(invocation, name, enabled=True)


def switch(invocation: Invocation, name: str, *, enabled: bool) -> int:
    """Enable or disable a plugin and print its status."""
    from tarkpm.ops.enable import set_enabled

    row = set_enabled(invocation.settings, invocation.ui, read_name(name), enabled=enabled)
    invocation.report(row, lambda: [enabled_line(row, dry_run=invocation.settings.dry_run)])
    return 0
