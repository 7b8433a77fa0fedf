"""``tarkpm remove``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import plugin_names
from tarkpm.cli.console import style
from tarkpm.cli.options import (
    Invocation,
    common,
    dry_run,
    read_name,
)
from tarkpm.cli.rendering import note_lines

if TYPE_CHECKING:
    from tarkpm.ops.remove import RemoveReport


@click.command("remove", cls=CheckedCommand)
@click.argument("names", shell_complete=plugin_names, nargs=-1, required=True, metavar="NAME...")
@click.option("--purge", is_flag=True, help="Also delete the plugins' stored data.")
@dry_run
@common
def remove_command(invocation: Invocation, names: tuple[str, ...], purge: bool) -> int:
    """Remove plugins and their decisions from tark.toml."""
    from tarkpm.ops.remove import remove

    report = remove(invocation.settings, invocation.ui, [read_name(name) for name in names], purge=purge)
    invocation.report(report, lambda: removed_lines(report, dry_run=invocation.settings.dry_run))
    return 0


def removed_lines(report: "RemoveReport", *, dry_run: bool) -> list[str]:
    """Return the output of `tarkpm remove`."""
    would = "would be " if dry_run else ""
    lines = [f"{style('-', fg='red')} {would}removed {name}" for name in report.removed]
    lines += [
        f"its data is kept in {folder}; to delete it: tarkpm remove {folder.rpartition('/')[2]} --purge"
        for folder in report.data_kept
    ]
    lines += [f"its data {would}deleted: {folder}" for folder in report.data_deleted]
    return [*lines, *note_lines(report.notes)]
