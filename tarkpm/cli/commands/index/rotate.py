"""``tarkpm index rotate``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.lazy_group import Group
from tarkpm.cli.maintainer import desk, maintainer_command, read_key, report_proposal
from tarkpm.cli.options import Invocation, read_name

if TYPE_CHECKING:
    pass


@click.group("rotate", cls=Group)
def rotate_command() -> None:
    """Replace a key: a publisher's, the online, the log's, maintainers'."""


@rotate_command.command("publisher")
@click.argument("name")
@click.option("--to", required=True, metavar="KEY", help="The publisher's new key.")
@maintainer_command
def rotate_publisher_command(
    invocation: Invocation, folder: Path, name: str, to: str, keys: tuple[str, ...]
) -> int:
    """Replace the publisher's key of the plugin NAME. Releases signed by the old key stay valid."""
    from tarkpm.ops.registry.claiming import rotate_publisher

    report = rotate_publisher(desk(invocation, folder), read_name(name), read_key(to, "--to"), keys)
    report_proposal(invocation, report)
    return 0


@rotate_command.command("online")
@click.option(
    "--online", default="", metavar="KEY", help="New public online key. [default: a new key, made here]"
)
@click.option("--online-key", default="", metavar="NAME", help="Name of the new key on this machine.")
@maintainer_command
def rotate_online_command(
    invocation: Invocation, folder: Path, online: str, online_key: str, keys: tuple[str, ...]
) -> int:
    """Replace the online key. Signatures of the old key no longer count."""
    from tarkpm.ops.registry.rotating import rotate_online

    key = read_key(online, "--online") if online else None
    report_proposal(invocation, rotate_online(desk(invocation, folder), key, online_key, keys))
    return 0


@rotate_command.command("log")
@click.option(
    "--log", "log_key", default="", metavar="KEY", help="New public key. [default: a new key, made here]"
)
@click.option(
    "--log-key", "key_name", default="", metavar="NAME", help="Name of the new key on this machine."
)
@maintainer_command
def rotate_log_command(
    invocation: Invocation, folder: Path, log_key: str, key_name: str, keys: tuple[str, ...]
) -> int:
    """Replace the key of the log. The log goes on."""
    from tarkpm.ops.registry.transparency import rotate_log

    key = read_key(log_key, "--log") if log_key else None
    report_proposal(invocation, rotate_log(desk(invocation, folder), key, key_name, keys))
    return 0


@rotate_command.command("root")
@click.option("--add", multiple=True, metavar="KEY", help="Key of a new maintainer.")
@click.option("--remove", multiple=True, metavar="KEY", help="Key of a maintainer who leaves.")
@click.option("--threshold", type=int, metavar="COUNT", help="New number of maintainers who must sign.")
@maintainer_command
def rotate_root_command(
    invocation: Invocation,
    folder: Path,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    threshold: int | None,
    keys: tuple[str, ...],
) -> int:
    """Change the maintainers. Without options, sign everything again for another year."""
    from tarkpm.ops.registry.rotating import rotate_root

    added = [read_key(text, "--add") for text in add]
    removed = [read_key(text, "--remove") for text in remove]
    report_proposal(invocation, rotate_root(desk(invocation, folder), added, removed, threshold, keys))
    return 0
