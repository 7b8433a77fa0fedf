"""``tarkpm index yank``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import releases
from tarkpm.cli.maintainer import desk, index_folder, online_key_option, read_release_name
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.core.text import neutral
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    pass


@click.command("yank", cls=CheckedCommand)
@click.argument("what", shell_complete=releases, metavar="NAME@VERSION")
@click.option("--reason", default="", metavar="TEXT", help="Why the release should not be chosen.")
@click.option("--undo", is_flag=True, help="Allow the release to be chosen again.")
@index_folder
@online_key_option
@dry_run
@common
def yank_command(
    invocation: Invocation, folder: Path, what: str, reason: str, undo: bool, online_key: str
) -> int:
    """Keep new resolutions from choosing a release. Existing locks keep working."""
    from tarkpm.ops.registry.accept import yank

    if bool(reason.strip()) == undo:
        raise TarkError("expected --reason TEXT or --undo", where=what)
    report = yank(desk(invocation, folder), *read_release_name(what), reason.strip(), online_key)
    would = "would be " if invocation.settings.dry_run else ""
    why = f"yanked: {neutral(report.reason)}" if report.reason else "no longer yanked"
    invocation.report(report, lambda: [f"{report.name} {report.version} {would}{why}"])
    return 0
