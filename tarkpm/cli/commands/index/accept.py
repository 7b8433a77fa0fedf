"""``tarkpm index accept``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.maintainer import desk, index_folder, online_key_option
from tarkpm.cli.options import Invocation, common, dry_run

if TYPE_CHECKING:
    pass


@click.command("accept", cls=CheckedCommand)
@click.argument("release", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER")
@index_folder
@online_key_option
@dry_run
@common
def accept_command(invocation: Invocation, folder: Path, release: Path, online_key: str) -> int:
    """Check the release in FOLDER and list it. --dry-run needs no key."""
    from tarkpm.ops.registry.accept import accept

    report = accept(desk(invocation, folder), release, online_key)
    done = "would accept" if invocation.settings.dry_run else "accepted"
    invocation.report(
        report,
        lambda: [
            f"{style('✓', fg='green')} {done} {report.name} {report.version}",
            f"  signer     {report.signer}",
            f"  statement  {report.statement}",
            *([f"  log        entry {report.log_entry:,}"] if report.log_entry is not None else []),
        ],
    )
    return 0
