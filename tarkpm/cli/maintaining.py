"""What an index's maintainers decide: ``tarkpm index create, claim, countersign, revoke, rotate``.

Each of these needs several maintainers' signatures; a proposal in ``pending/`` gathers them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common, dry_run, read, read_name
from tarkpm.core.text import neutral
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.core.key import PublicKey
    from tarkpm.core.release import PluginName
    from tarkpm.core.version import Version
    from tarkpm.ops.registry.desk import Desk
    from tarkpm.ops.registry.proposals import ProposalReport

index_folder = click.option(
    "--index",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="The index's folder; else the current one.",
)
_keys = click.option(
    "--key", "keys", multiple=True, metavar="NAME", help="Sign with this key; several may be named."
)


def desk(invocation: Invocation, folder: Path) -> "Desk":
    """The maintainer's desk in a folder."""
    from tarkpm.cli.authoring import ask_passphrase
    from tarkpm.ops.registry.desk import open_desk

    return open_desk(invocation.settings, folder, ask_passphrase)


def _maintainer(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that takes maintainers' signatures."""
    for option in (common, dry_run, _keys, index_folder):
        function = option(function)
    return function


@click.command("create")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--name", required=True, help="What the index calls itself.")
@click.option("--bins", default=10, show_default=True, help="2^BINS files each for claims and for rows.")
@click.option(
    "--maintainer", "maintainers", multiple=True, required=True, metavar="KEY", help="A maintainer."
)
@click.option("--threshold", required=True, type=int, help="How many maintainers must sign.")
@click.option("--online", default="", metavar="KEY", help="The online key; else one is made here.")
@click.option("--online-key", default="", metavar="NAME", help="What to call it; else NAME-online.")
@_keys
@dry_run
@common
def create_command(
    invocation: Invocation,
    folder: Path,
    name: str,
    bins: int,
    maintainers: tuple[str, ...],
    threshold: int,
    online: str,
    online_key: str,
    keys: tuple[str, ...],
) -> int:
    """Make an index in DIR.

    With the keys of THRESHOLD maintainers here, it is made at once. Otherwise a proposal is written to
    DIR/pending, for the others to countersign.
    """
    from tarkpm.ops.registry.create import Plan, create

    plugin = read_name(name)
    plan = Plan(
        plugin,
        bins,
        tuple(_key(text, "--maintainer") for text in maintainers),
        threshold,
        _key(online, "--online") if online else None,
        online_key,
    )
    report = create(desk(invocation, folder), plan, keys)
    _say(invocation, report)
    return 0


@click.command("claim")
@click.argument("name")
@click.option("--publisher", required=True, metavar="KEY", help="Whose releases of it are accepted.")
@click.option("--force", is_flag=True, help="Allow a name that is close to another one.")
@_maintainer
def claim_command(
    invocation: Invocation, folder: Path, name: str, publisher: str, force: bool, keys: tuple[str, ...]
) -> int:
    """Let a publisher's key publish the new plugin NAME."""
    from tarkpm.ops.registry.claiming import claim

    report = claim(
        desk(invocation, folder), read_name(name), _key(publisher, "--publisher"), keys, force=force
    )
    _say(invocation, report)
    return 0


@click.command("countersign")
@click.argument("proposal", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--agree", default="", metavar="DIGEST", help="Sign without asking, if this is what is signed.")
@_maintainer
def countersign_command(
    invocation: Invocation, folder: Path, proposal: Path | None, agree: str, keys: tuple[str, ...]
) -> int:
    """Look at PROPOSAL, or all that wait in pending/, and sign what you agree to."""
    from tarkpm.ops.registry.countersign import countersign

    reports = countersign(desk(invocation, folder), invocation.ui, proposal, keys, agree)
    invocation.report(reports, lambda: [line for report in reports for line in _lines(report)])
    return 0


@click.command("revoke")
@click.argument("what", metavar="NAME@VERSION|KEY")
@click.option("--keep", multiple=True, metavar="NAME@VERSION", help="A release of the key that stays good.")
@_maintainer
def revoke_command(
    invocation: Invocation, folder: Path, what: str, keep: tuple[str, ...], keys: tuple[str, ...]
) -> int:
    """Take back a release, or a publisher's key and its releases, for ever."""
    from tarkpm.ops.registry.claiming import revoke_key, revoke_release

    if what.startswith("ed25519:"):
        kept = [read_release_name(text) for text in keep]
        report = revoke_key(desk(invocation, folder), _key(what, what), kept, keys)
    elif keep:
        raise TarkError("--keep is for revoking a key")
    else:
        report = revoke_release(desk(invocation, folder), *read_release_name(what), keys)
    _say(invocation, report)
    return 0


@click.group("rotate")
def rotate_command() -> None:
    """Replace keys: a publisher's, the online key, the maintainers'."""


@rotate_command.command("publisher")
@click.argument("name")
@click.option("--to", required=True, metavar="KEY", help="The publisher's new key.")
@_maintainer
def rotate_publisher_command(
    invocation: Invocation, folder: Path, name: str, to: str, keys: tuple[str, ...]
) -> int:
    """Give the plugin NAME another publisher's key; what the old one signed stays good."""
    from tarkpm.ops.registry.claiming import rotate_publisher

    report = rotate_publisher(desk(invocation, folder), read_name(name), _key(to, "--to"), keys)
    _say(invocation, report)
    return 0


@rotate_command.command("online")
@click.option("--online", default="", metavar="KEY", help="The new online key; else one is made here.")
@click.option("--online-key", default="", metavar="NAME", help="What to call it.")
@_maintainer
def rotate_online_command(
    invocation: Invocation, folder: Path, online: str, online_key: str, keys: tuple[str, ...]
) -> int:
    """Replace the online key; whatever the old one signs counts no more."""
    from tarkpm.ops.registry.rotating import rotate_online

    key = _key(online, "--online") if online else None
    _say(invocation, rotate_online(desk(invocation, folder), key, online_key, keys))
    return 0


@rotate_command.command("root")
@click.option("--add", multiple=True, metavar="KEY", help="A new maintainer.")
@click.option("--remove", multiple=True, metavar="KEY", help="Somebody who is no longer one.")
@click.option("--threshold", type=int, help="How many must sign from now on.")
@_maintainer
def rotate_root_command(
    invocation: Invocation,
    folder: Path,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    threshold: int | None,
    keys: tuple[str, ...],
) -> int:
    """Change the maintainers; with no option, sign everything anew for another year."""
    from tarkpm.ops.registry.rotating import rotate_root

    added = [_key(text, "--add") for text in add]
    removed = [_key(text, "--remove") for text in remove]
    _say(invocation, rotate_root(desk(invocation, folder), added, removed, threshold, keys))
    return 0


def _key(text: str, where: str) -> "PublicKey":
    from tarkpm.core.key import public_key

    return read(public_key, text, where)


def read_release_name(text: str) -> "tuple[PluginName, Version]":
    """``NAME@VERSION`` as typed."""
    from tarkpm.core.version import Version

    name, at, version = text.partition("@")
    if not at:
        raise TarkError(f"expected NAME@VERSION, found {text!r}")
    return read_name(name), read(Version.parse, version, text)


def _say(invocation: Invocation, report: "ProposalReport") -> None:
    invocation.report(report, lambda: _lines(report))


def _lines(report: "ProposalReport") -> list[str]:
    """What happened to a proposal, and what comes next."""
    rows = [*report.changes, ("signed by", ", ".join(report.signed_by) or "nobody yet")]
    if report.state == "waiting":
        rows.append(("missing", f"{report.missing} signature{'s' if report.missing != 1 else ''}"))
    if report.state == "in force":
        rows.append(("root", report.root))
    else:
        rows += [("digest", report.digest), ("proposal", report.file), ("next", report.next)]
    width = max(len(label) for label, _ in rows)
    done = style("✓", fg="green") if report.state == "in force" else style("…", fg="yellow")
    lines = [f"{done} {neutral(report.title)}: {report.state}"]
    lines += [f"  {neutral(label):<{width}}  {neutral(text)}" for label, text in rows]
    return lines + [f"{style('warning:', fg='yellow')} {neutral(text)}" for text in report.warnings]
