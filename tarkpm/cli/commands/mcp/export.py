"""``tarkpm mcp export``."""

from pathlib import Path

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common, dry_run


@click.command("export", cls=CheckedCommand)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@dry_run
@common
def export_command(invocation: Invocation, folder: Path) -> int:
    """Write this server as an Agent Plugins folder."""
    from tarkpm.ops.export import export

    report = export(invocation.settings, folder)
    wrote = "would write" if invocation.settings.dry_run else f"{style('✓', fg='green')} wrote"
    invocation.report(report, lambda: [f"{wrote} {', '.join(report.files)} in {report.folder}"])
    return 0
