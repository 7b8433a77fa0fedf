"""``tarkpm mirror``."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, allow_http, common, offline, read_name
from tarkpm.cli.rendering import CHECK
from tarkpm.core.text import counted, neutral
from tarkpm.errors import Refused

if TYPE_CHECKING:
    from tarkpm.ops.mirror import MirrorReport


@click.command("mirror", cls=CheckedCommand)
@click.argument("folder", metavar="DIR")
@click.option("--index", metavar="NAME", help="Index of the project. [default: the only one]")
@click.option("--only-locked", is_flag=True, help="Copy only what tark.lock uses.")
@offline
@allow_http
@common
def mirror_command(invocation: Invocation, folder: str, index: str | None, only_locked: bool) -> int:
    """Copy an index into DIR, or update the copy in it.

    Everything is verified as by a client. Serve DIR with any web server, or add it with its path: it has the
    same root. An interrupted copy goes on where it stopped, and until it is complete, clients of DIR see the
    index as it was.
    """
    from tarkpm.core.oci.reference import is_reference
    from tarkpm.ops.mirror import mirror

    if is_reference(folder):
        raise Refused(
            "expected a folder: a registry serves plugins, and no index",
            where=folder,
            hint=f"make a bundle, then: tarkpm bundle push plugins.tar {shlex.quote(folder)}",
        )

    name = read_name(index) if index else None
    report = mirror(invocation.settings, invocation.ui, Path(folder), name, only_locked=only_locked)
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
