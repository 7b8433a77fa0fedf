"""The commands that look, and those that turn something on or off."""

import click

from tarkpm.cli.anywhere import complete_names
from tarkpm.cli.options import (
    Invocation,
    allow_http,
    common,
    dry_run,
    offline,
    read_capability,
    read_name,
)
from tarkpm.cli.render import enabled_line, grant_lines, info_lines, list_lines, verify_lines
from tarkpm.cli.render_doctor import doctor_lines
from tarkpm.core.release import TYPES


@click.command("list")
@click.option("--type", "kind", type=click.Choice(TYPES), help="Only plugins of this type.")
@common
def list_command(invocation: Invocation, kind: str | None) -> int:
    """List plugins."""
    from tarkpm.ops.list import list_plugins

    report = list_plugins(invocation.settings, invocation.ui, type=kind or "")
    invocation.report(report, lambda: list_lines(report))
    return 0


@click.command("info")
@click.argument("name", shell_complete=complete_names)
@common
def info_command(invocation: Invocation, name: str) -> int:
    """Show all that is known of a plugin."""
    from tarkpm.ops.info import info

    report = info(invocation.settings, invocation.ui, read_name(name))
    invocation.report(report, lambda: info_lines(report))
    return 0


@click.command("verify")
@common
def verify_command(invocation: Invocation) -> int:
    """Check everything installed: every file, signature and decision. No network."""
    from tarkpm.ops.verify import verify

    report = verify(invocation.settings, invocation.ui)
    invocation.report(report, lambda: verify_lines(report))
    return report.exit_status


@click.command("enable")
@click.argument("name", shell_complete=complete_names)
@dry_run
@common
def enable_command(invocation: Invocation, name: str) -> int:
    """Let tark load a plugin again."""
    return _switch(invocation, name, enabled=True)


@click.command("disable")
@click.argument("name", shell_complete=complete_names)
@dry_run
@common
def disable_command(invocation: Invocation, name: str) -> int:
    """Keep tark from loading a plugin."""
    return _switch(invocation, name, enabled=False)


def _switch(invocation: Invocation, name: str, *, enabled: bool) -> int:
    from tarkpm.ops.enable import set_enabled

    row = set_enabled(invocation.settings, invocation.ui, read_name(name), enabled=enabled)
    invocation.report(row, lambda: [enabled_line(row, dry_run=invocation.settings.dry_run)])
    return 0


@click.command("grant")
@click.argument("name", shell_complete=complete_names)
@click.argument("capabilities", nargs=-1, metavar="CAPABILITY...")
@click.option("--reset", is_flag=True, help="Grant exactly what the plugin declares.")
@dry_run
@common
def grant_command(invocation: Invocation, name: str, capabilities: tuple[str, ...], reset: bool) -> int:
    """Let a plugin use what it declares: storage, http:HOST, env:NAME, filesystem:FOLDER, shell."""
    from tarkpm.ops import grant

    if reset == bool(capabilities):
        raise click.UsageError("name capabilities, or --reset, and not both")
    settings, ui, plugin = invocation.settings, invocation.ui, read_name(name)
    wanted = [read_capability(text) for text in capabilities]
    report = grant.reset(settings, ui, plugin) if reset else grant.grant(settings, ui, plugin, wanted)
    invocation.report(report, lambda: grant_lines(report, dry_run=invocation.settings.dry_run))
    return 0


@click.command("revoke")
@click.argument("name", shell_complete=complete_names)
@click.argument("capabilities", nargs=-1, required=True, metavar="CAPABILITY...")
@dry_run
@common
def revoke_command(invocation: Invocation, name: str, capabilities: tuple[str, ...]) -> int:
    """Take a capability away from a plugin."""
    from tarkpm.ops.revoke import revoke

    unwanted = [read_capability(text) for text in capabilities]
    report = revoke(invocation.settings, invocation.ui, read_name(name), unwanted)
    invocation.report(report, lambda: grant_lines(report, dry_run=invocation.settings.dry_run))
    return 0


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing anything.")
@offline
@allow_http
@common
def doctor_command(invocation: Invocation, fix: bool) -> int:
    """Say where everything is, how plugins are confined, which servers answer, and what is amiss."""
    from tarkpm.ops.doctor import doctor

    report = doctor(invocation.settings, invocation.ui, fix=fix)
    invocation.report(report, lambda: doctor_lines(report))
    return 0 if report.is_well else 1
