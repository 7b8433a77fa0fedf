"""``tarkpm sync``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import (
    Invocation,
    allow_http,
    common,
    dry_run,
    keep_data,
    offline,
)
from tarkpm.cli.rendering import note_lines, sync_change_line

if TYPE_CHECKING:
    from tarkpm.ops.sync import SyncReport


@click.command("sync", cls=CheckedCommand)
@click.option("--locked", is_flag=True, help="No effect: sync always follows tark.lock.")
@click.option("--frozen", is_flag=True, help="Same as --offline.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take everything from a bundle, without a network.",
)
@click.option("--reinstall", is_flag=True, help="Install everything again.")
@keep_data
@offline
@allow_http
@dry_run
@common
def sync_command(
    invocation: Invocation, locked: bool, frozen: bool, bundle: Path | None, reinstall: bool
) -> int:
    """Install exactly what tark.lock says. Never resolves."""
    from tarkpm.ops.sync import sync

    del locked
    settings = invocation.settings
    if frozen:
        settings = settings.made_offline("--frozen")
    if bundle:
        settings = settings.from_bundle(bundle)
    report = sync(settings, invocation.ui, reinstall=reinstall)
    invocation.report(report, lambda: synced_lines(report, dry_run=settings.dry_run))
    return 0


def synced_lines(report: "SyncReport", *, dry_run: bool) -> list[str]:
    """Return the output of `tarkpm sync`."""
    lines = [sync_change_line(change) + (" (not applied)" if dry_run else "") for change in report.changes]
    if not lines:
        count = len(report.unchanged)
        lines = [f"{count} plugin{'s match' if count != 1 else ' matches'} tark.lock"]
    return [*lines, *note_lines(report.notes)]
