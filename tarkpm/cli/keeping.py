"""What keeps an index running with its online key alone: ``tarkpm index accept, yank, refresh``; and looking
at it: ``check``, ``serve``.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.console import style
from tarkpm.cli.maintaining import desk, index_folder, read_release_name
from tarkpm.cli.options import Invocation, common, dry_run, read
from tarkpm.core.text import neutral
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.ops.registry.check import CheckReport
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


@click.command("check")
@index_folder
@click.option("--deep", is_flag=True, help="Read every release, too, and check its signature and row.")
@click.option("--root", default="", metavar="sha256:…", help="The index must be the one with this root.")
@common
def check_command(invocation: Invocation, folder: Path, deep: bool, root: str) -> int:
    """Audit the whole index as a stranger would; exit status 1 if anything is off."""
    from tarkpm.core.release import index_root
    from tarkpm.ops.registry.check import check

    identity = read(index_root, root, "--root") if root else ""
    report = check(desk(invocation, folder), identity, deep=deep)
    invocation.report(report, lambda: _checked(report))
    return report.exit_status


def _checked(report: "CheckReport") -> list[str]:
    lines = []
    for finding in report.findings:
        mark = style("note:", fg="cyan") if finding.note else style("problem:", fg="red")
        lines.append(f"{mark} {neutral(finding.message)}")
        lines += [f"  where: {neutral(finding.where)}"] if finding.where else []
        lines += [f"  help: {neutral(finding.hint)}"] if finding.hint else []
    count = sum(not finding.note for finding in report.findings)
    looked = f"{report.plugins:,} plugins, {report.releases:,} releases"
    mark = f"✗ {count} finding{'s' if count != 1 else ''}" if count else "✓ the index is as it should be"
    lines.append(f"{style(mark, fg='red' if count else 'green')} ({looked})")
    return [*lines, f"root  {report.root}"] if report.root else lines


@click.command("serve")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="On this port; else on a free one.")
@common
def serve_command(invocation: Invocation, folder: Path, port: int) -> int:
    """Serve the index in DIR on 127.0.0.1 until interrupted."""
    from tarkpm.ops.registry.serve import server

    running = server(folder.absolute(), port)
    url = f"http://127.0.0.1:{running.server_port}/"
    invocation.report({"url": url}, lambda: [url])
    sys.stdout.flush()
    with running:
        running.serve_forever()
    return 0
