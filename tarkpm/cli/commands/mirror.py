"""``tarkpm mirror``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, allow_http, common, offline, read_name
from tarkpm.cli.rendering import CHECK
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.mirror import MirrorReport


@click.command("mirror", cls=CheckedCommand)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--index", metavar="NAME", help="Index of the project. [default: the only one]")
@click.option("--only-locked", is_flag=True, help="Copy only what tark.lock uses.")
@offline
@allow_http
@common
def mirror_command(invocation: Invocation, folder: Path, index: str | None, only_locked: bool) -> int:
    """Copy an index into DIR, or update the copy in it.

    Everything is verified as by a client. Serve DIR with any web server, or add it with its path: it has the
    same root. An interrupted copy goes on where it stopped, and until it is complete, clients of DIR see the
    index as it was.
    """
    from tarkpm.ops.mirror import mirror

    name = read_name(index) if index else None
    report = mirror(invocation.settings, invocation.ui, folder, name, only_locked=only_locked)
    invocation.report(report, lambda: _lines(report))
    return 0


def _lines(report: "MirrorReport") -> list[str]:
    held = f"{counted(report.plugins, 'plugin')}, {counted(report.releases, 'release')}"
    done = (
        f"{counted(report.files, 'new file')}, {counted(report.bytes, 'byte')}"
        if report.files
        else "nothing new"
    )
    return [
        f"{style(CHECK, fg='green')} {neutral(report.folder)} mirrors {report.index}: {held} ({done})",
        f"  root {report.root}",
    ]
