"""The commands that change what is installed: add, remove, update, lock, sync."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.anywhere import complete_names
from tarkpm.cli.options import (
    Invocation,
    allow_http,
    common,
    consent,
    dry_run,
    keep_data,
    offline,
    read_name,
    yes,
)
from tarkpm.cli.render import removed_lines, synced_lines, taken_lines

if TYPE_CHECKING:
    from tarkpm.core.policy import Answers


@click.command("add")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--tag", default="", help="Take this tag.")
@click.option("-b", "--branch", default="", help="Take the head of this branch.")
@click.option("--rev", default="", help="Take this commit (40 hexadecimal digits).")
@click.option("--path", default="", help="The plugin's folder inside the repository.")
@consent
@click.option("--adopt", is_flag=True, help="Put a folder aside that was put there by hand.")
@yes
@keep_data
@offline
@allow_http
@dry_run
@common
def add_command(
    invocation: Invocation,
    sources: tuple[str, ...],
    answers: "Answers",
    tag: str,
    branch: str,
    rev: str,
    path: str,
) -> int:
    """Add plugins from an index, from git or a folder.

    SOURCE is a name in an index ([INDEX:]NAME[@RANGE]), a URL (https://…, ssh://…, git@host:owner/repo,
    file://…), github:owner/repo[/folder], or a folder (./mine).
    """
    from tarkpm.ops.add import add
    from tarkpm.ops.change.source_args import read_wishes

    settings, read = read_wishes(invocation.settings, sources, tag=tag, branch=branch, rev=rev, path=path)
    report = add(settings, invocation.ui, read, answers)
    invocation.report(report, lambda: taken_lines(report, dry_run=settings.dry_run))
    return 0


@click.command("update")
@click.argument("names", shell_complete=complete_names, nargs=-1, metavar="[NAME...]")
@consent
@yes
@keep_data
@offline
@allow_http
@dry_run
@common
def update_command(invocation: Invocation, names: tuple[str, ...], answers: "Answers") -> int:
    """Take what the plugins' sources hold now (all plugins, if none is named)."""
    from tarkpm.ops.update import update

    report = update(invocation.settings, invocation.ui, [read_name(name) for name in names], answers)
    invocation.report(report, lambda: taken_lines(report, dry_run=invocation.settings.dry_run))
    return 0


@click.command("lock")
@click.option("--check", is_flag=True, help="Only say whether tark.lock follows from tark.toml.")
@consent
@yes
@offline
@allow_http
@dry_run
@common
def lock_command(invocation: Invocation, answers: "Answers", check: bool) -> int:
    """Make tark.lock follow from tark.toml; installs nothing."""
    from tarkpm.ops.lock import check_lock, lock

    if check:
        check_lock(invocation.settings, invocation.ui)
        invocation.report({"stale": False}, lambda: ["tark.lock follows from tark.toml"])
        return 0
    report = lock(invocation.settings, invocation.ui, answers)
    invocation.report(
        report,
        lambda: (
            taken_lines(report, dry_run=invocation.settings.dry_run, locked=True)
            or ["tark.lock follows from tark.toml"]
        ),
    )
    return 0


@click.command("sync")
@click.option("--locked", is_flag=True, help="Accepted for habit: sync always insists on the lock.")
@click.option("--frozen", is_flag=True, help="The same as --offline.")
@click.option("--reinstall", is_flag=True, help="Install everything anew, whatever it looks like.")
@keep_data
@offline
@allow_http
@dry_run
@common
def sync_command(invocation: Invocation, locked: bool, frozen: bool, reinstall: bool) -> int:
    """Make the installed plugins what tark.lock says. Never resolves."""
    import msgspec

    from tarkpm.ops.sync import sync

    del locked
    settings = invocation.settings
    if frozen:
        settings = msgspec.structs.replace(settings, offline=True)
    report = sync(settings, invocation.ui, reinstall=reinstall)
    invocation.report(report, lambda: synced_lines(report, dry_run=settings.dry_run))
    return 0


@click.command("remove")
@click.argument("names", shell_complete=complete_names, nargs=-1, required=True, metavar="NAME...")
@click.option("--purge", is_flag=True, help="Delete the plugins' own data, too.")
@dry_run
@common
def remove_command(invocation: Invocation, names: tuple[str, ...], purge: bool) -> int:
    """Remove plugins, and what tark.toml decided about them."""
    from tarkpm.ops.remove import remove

    report = remove(invocation.settings, invocation.ui, [read_name(name) for name in names], purge=purge)
    invocation.report(report, lambda: removed_lines(report, dry_run=invocation.settings.dry_run))
    return 0
