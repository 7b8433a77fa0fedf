"""``tarkpm index create``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.maintainer import desk, key_options, read_key, report_proposal
from tarkpm.cli.options import Invocation, common, dry_run, read_name

if TYPE_CHECKING:
    pass


@click.command("create", cls=CheckedCommand)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--name", required=True, metavar="NAME", help="Name of the index.")
@click.option(
    "--bins",
    default=10,
    show_default=True,
    metavar="BITS",
    help="Spread claims and rows over 2^BITS files each.",
)
@click.option(
    "--maintainer",
    "maintainers",
    multiple=True,
    required=True,
    metavar="KEY",
    help="Public key of a maintainer.",
)
@click.option(
    "--threshold", required=True, type=int, metavar="COUNT", help="Number of maintainers who must sign."
)
@click.option(
    "--online", default="", metavar="KEY", help="Public online key. [default: a new key, made here]"
)
@click.option(
    "--online-key",
    default="",
    metavar="NAME",
    help="Name of the online key on this machine. [default: NAME-online]",
)
@key_options
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
    """Create an index in DIR.

    If the keys of COUNT maintainers are on this machine, the index is created at once. Otherwise a
    proposal is written to DIR/pending, and the other maintainers countersign it.
    """
    from tarkpm.ops.registry.create import CreationPlan, create

    plugin = read_name(name)
    plan = CreationPlan(
        plugin,
        bins,
        tuple(read_key(text, "--maintainer") for text in maintainers),
        threshold,
        read_key(online, "--online") if online else None,
        online_key,
    )
    report = create(desk(invocation, folder), plan, keys)
    report_proposal(invocation, report)
    return 0
