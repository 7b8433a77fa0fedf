"""``tarkpm merge-driver``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, common, dry_run

if TYPE_CHECKING:
    from tarkpm.ops.merge_driver import InstallReport

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("merge-driver", cls=Group)
def merge_driver_command() -> None:
    """Let git merge tark.lock by plugin."""


@merge_driver_command.command("install", cls=CheckedCommand)
@dry_run
@common
def install_command(invocation: Invocation) -> int:
    """Set up this project's repository; each clone needs it once."""
    from tarkpm.ops.merge_driver import install

    report = install(invocation.settings)
    invocation.report(report, lambda: _installed(report, dry_run=invocation.settings.dry_run))
    return 0


def _installed(report: "InstallReport", *, dry_run: bool) -> list[str]:
    did = "would set" if dry_run else f"{style('✓', fg='green')} set"
    lines = [f"{did} {key} = {value}" for key, value in report.settings.items()]
    if not report.changed:
        return lines
    wrote = "would write" if dry_run else f"{style('✓', fg='green')} wrote"
    return [*lines, f"{wrote} {report.file}: commit it, so that every clone uses these settings"]


@merge_driver_command.command("run", cls=CheckedCommand)
@click.argument("base", type=FILE)
@click.argument("ours", type=FILE)
@click.argument("theirs", type=FILE)
@common
def run_command(invocation: Invocation, base: Path, ours: Path, theirs: Path) -> int:
    """Merge THEIRS into OURS, as git asks for it. Exits with status 1 if a conflict is left."""
    from tarkpm.ops.merge_driver import merge_files

    conflict = merge_files(base, ours, theirs)
    if conflict:
        invocation.ui.note("both sides changed the same plugins in tark.lock; to resolve them: tarkpm lock")
    return int(conflict)


@merge_driver_command.command("textconv", cls=CheckedCommand)
@click.argument("file", type=FILE)
@common
def textconv_command(invocation: Invocation, file: Path) -> int:
    """Print a lock in words, as `git diff` shows it."""
    from tarkpm.ops.merge_driver import in_words

    lines = in_words(file)
    invocation.report(lines, lambda: lines)
    return 0
