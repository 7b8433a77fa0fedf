"""``tarkpm index claim``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.maintainer import desk, maintainer_command, read_key, report_proposal
from tarkpm.cli.options import Invocation, read_name

if TYPE_CHECKING:
    pass


@click.command("claim")
@click.argument("name")
@click.option("--publisher", required=True, metavar="KEY", help="Whose releases of it are accepted.")
@click.option("--force", is_flag=True, help="Allow a name that is close to another one.")
@maintainer_command
def claim_command(
    invocation: Invocation, folder: Path, name: str, publisher: str, force: bool, keys: tuple[str, ...]
) -> int:
    """Let a publisher's key publish the new plugin NAME."""
    from tarkpm.ops.registry.claiming import claim

    report = claim(
        desk(invocation, folder), read_name(name), read_key(publisher, "--publisher"), keys, force=force
    )
    report_proposal(invocation, report)
    return 0
