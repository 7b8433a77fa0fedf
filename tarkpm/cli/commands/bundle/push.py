"""``tarkpm bundle push``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common, dry_run, offline
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.bundle import PushedRow


@click.command("push", cls=CheckedCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("to", metavar="oci://HOST/REPOSITORY")
@offline
@dry_run
@common
def push_command(invocation: Invocation, file: Path, to: str) -> int:
    """Push what a bundle contains to an OCI registry.

    The bundle is verified first. Each plugin is pushed as REPOSITORY/NAME:VERSION. A tag is never moved.
    """
    from tarkpm.ops.bundle import push

    report = push(invocation.settings, invocation.ui, file, to)
    invocation.report(
        report, lambda: [_line(row, dry_run=invocation.settings.dry_run) for row in report.pushed]
    )
    return 0


def _line(row: "PushedRow", *, dry_run: bool) -> str:
    done = "is there" if row.existed else "would be pushed" if dry_run else "pushed"
    return f"{neutral(row.reference)}@{row.digest} {done}"
