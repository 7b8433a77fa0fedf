"""``tarkpm index revoke``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import releases
from tarkpm.cli.maintainer import desk, maintainer_command, read_key, read_release_name, report_proposal
from tarkpm.cli.options import Invocation
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    pass


@click.command("revoke", cls=CheckedCommand)
@click.argument("what", shell_complete=releases, metavar="NAME@VERSION|KEY")
@click.option("--keep", multiple=True, metavar="NAME@VERSION", help="Release of the key that stays valid.")
@maintainer_command
def revoke_command(
    invocation: Invocation, folder: Path, what: str, keep: tuple[str, ...], keys: tuple[str, ...]
) -> int:
    """Revoke a release, or a publisher's key and its releases. This cannot be undone."""
    from tarkpm.ops.registry.claiming import revoke_key, revoke_release

    if what.startswith("ed25519:"):
        kept = [read_release_name(text) for text in keep]
        report = revoke_key(desk(invocation, folder), read_key(what, what), kept, keys)
    elif keep:
        raise TarkError("--keep applies only to revoking a key")
    else:
        report = revoke_release(desk(invocation, folder), *read_release_name(what), keys)
    report_proposal(invocation, report)
    return 0
