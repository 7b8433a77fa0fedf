"""``tarkpm index claim``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.maintainer import desk, maintainer_command, read_key, report_proposal
from tarkpm.cli.options import Invocation, read_name

if TYPE_CHECKING:
    pass


@click.command("claim", cls=CheckedCommand)
@click.argument("name")
@click.option("--publisher", required=True, metavar="KEY", help="Key whose releases of NAME are accepted.")
@click.option("--force", is_flag=True, help="Allow a name that is similar to a claimed one.")
@maintainer_command
def claim_command(
    invocation: Invocation, folder: Path, name: str, publisher: str, force: bool, keys: tuple[str, ...]
) -> int:
    """Allow a publisher's key to publish the new plugin NAME."""
    from tarkpm.ops.registry.claiming import claim

    report = claim(
        desk(invocation, folder), read_name(name), read_key(publisher, "--publisher"), keys, force=force
    )
    report_proposal(invocation, report)
    return 0
