"""What keeps an index running with its online key alone: ``tarkpm index accept, yank, refresh``; and looking
at it: ``check``, ``serve``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.console import style
from tarkpm.cli.maintaining import desk, index_folder, read_release_name
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.core.text import neutral
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.ops.registry.refresh import RefreshReport

_online_key = click.option("--online-key", default="", metavar="NAME", help="The online key's name here.")


@click.command("accept")
@click.argument("release", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER")
@index_folder
@_online_key
@dry_run
@common
def accept_command(invocation: Invocation, folder: Path, release: Path, online_key: str) -> int:
    """Check the release in FOLDER and list it; --dry-run needs no key."""
    from tarkpm.ops.registry.accept import accept

    report = accept(desk(invocation, folder), release, online_key)
    done = "would accept" if invocation.settings.dry_run else "accepted"
    invocation.report(
        report,
        lambda: [
            f"{style('✓', fg='green')} {done} {report.name} {report.version}",
            f"  signer     {report.signer}",
            f"  statement  {report.statement}",
        ],
    )
    return 0


@click.command("yank")
@click.argument("what", metavar="NAME@VERSION")
@click.option("--reason", default="", help="Why nobody should choose it any more.")
@click.option("--undo", is_flag=True, help="Let it be chosen again.")
@index_folder
@_online_key
@dry_run
@common
def yank_command(
    invocation: Invocation, folder: Path, what: str, reason: str, undo: bool, online_key: str
) -> int:
    """Keep new resolutions from choosing a release; locks that have it keep working."""
    from tarkpm.ops.registry.accept import yank

    if bool(reason.strip()) == undo:
        raise TarkError("expected --reason TEXT, or --undo", where=what)
    report = yank(desk(invocation, folder), *read_release_name(what), reason.strip(), online_key)
    would = "would be " if invocation.settings.dry_run else ""
    why = f"yanked: {neutral(report.reason)}" if report.reason else "no longer yanked"
    invocation.report(report, lambda: [f"{report.name} {report.version} {would}{why}"])
    return 0


@click.command("refresh")
@index_folder
@_online_key
@dry_run
@common
def refresh_command(invocation: Invocation, folder: Path, online_key: str) -> int:
    """The daily job: enact what is fully signed, renew what expires, rebuild the search catalogue."""
    from tarkpm.ops.registry.refresh import refresh

    report = refresh(desk(invocation, folder), online_key)
    invocation.report(report, lambda: _refreshed(report, dry_run=invocation.settings.dry_run))
    return 0


def _refreshed(report: "RefreshReport", *, dry_run: bool) -> list[str]:
    would = "would be " if dry_run else ""
    lines = [f"{style('✓', fg='green')} {would}enacted: {neutral(title)}" for title in report.enacted]
    if report.renewed:
        lines.append(f"{report.renewed} bins {would}signed anew")
    if report.swept:
        lines.append(f"{report.swept} files of no more use deleted")
    lines.append(f"the index is fresh until {report.valid_until}")
    return lines + [f"{style('note:', fg='cyan')} {neutral(note)}" for note in report.notes]
