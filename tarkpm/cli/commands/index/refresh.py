"""``tarkpm index refresh``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.maintainer import desk, index_folder, online_key_option
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.registry.refresh import RefreshReport


@click.command("refresh", cls=CheckedCommand)
@index_folder
@online_key_option
@dry_run
@common
def refresh_command(invocation: Invocation, folder: Path, online_key: str) -> int:
    """Enact signed proposals and renew signatures.

    Run it daily: it also rebuilds the search catalogue and deletes superseded files. It requires the online
    key.
    """
    from tarkpm.ops.registry.refresh import refresh

    report = refresh(desk(invocation, folder), online_key)
    invocation.report(report, lambda: _refreshed(report, dry_run=invocation.settings.dry_run))
    return 0


def _refreshed(report: "RefreshReport", *, dry_run: bool) -> list[str]:
    would = "would be " if dry_run else ""
    lines = [f"{style('✓', fg='green')} {would}enacted: {neutral(title)}" for title in report.enacted]
    if report.renewed:
        lines.append(f"{counted(report.renewed, 'bin')} {would}signed again")
    if report.swept:
        lines.append(f"{counted(report.swept, 'unused file')} deleted")
    if report.cosigned:
        taken = counted(report.cosigned, "cosigned checkpoint")
        lines.append(f"{taken} {would}taken, {counted(report.proofs, 'proof')} {would}renewed")
    lines.append(f"the index is fresh until {report.valid_until}")
    return lines + [f"{style('note:', fg='cyan')} {neutral(note)}" for note in report.notes]
