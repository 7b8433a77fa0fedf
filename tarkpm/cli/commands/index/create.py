"""``tarkpm index create``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.maintainer import desk, key_options, read_key, report_proposal
from tarkpm.cli.options import Invocation, common, dry_run, read_name

if TYPE_CHECKING:
    pass


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
    """Make an index in DIR.

    With the keys of THRESHOLD maintainers here, it is made at once. Otherwise a proposal is written to
    DIR/pending, for the others to countersign.
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
