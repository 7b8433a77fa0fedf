"""``tarkpm index accept``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.identity_option import identity_option
from tarkpm.cli.maintainer import desk, index_folder, online_key_option
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.core.names import CI_PROOF

if TYPE_CHECKING:
    from tarkpm.core.ci_identity import CiIdentity


@click.command("accept", cls=CheckedCommand)
@click.argument("release", type=click.Path(path_type=Path, exists=True), metavar="FOLDER|FILE")
@index_folder
@online_key_option
@identity_option
@click.option(
    "--drop-identity", is_flag=True, help="List a release without the CI identity that the last one proved."
)
@dry_run
@common
def accept_command(
    invocation: Invocation,
    folder: Path,
    release: Path,
    online_key: str,
    identity: "CiIdentity | None",
    drop_identity: bool,
) -> int:
    """Check the release in FOLDER and list it. --dry-run needs no key.

    FILE is what `tarkpm rebuild --attest` wrote: it is listed with its release.
    """
    from tarkpm.ops.registry.accept import accept

    if identity and drop_identity:
        raise click.UsageError("expected --identity or --drop-identity, and not both")
    if (invocation.settings.cwd / release).is_file():
        return _accept_rebuild(invocation, folder, release, online_key)
    report = accept(desk(invocation, folder), release, online_key, identity, drop_identity=drop_identity)
    if report.unverified:
        invocation.ui.note(f"{CI_PROOF} was not verified: name the workflow with --identity")
    done = "would accept" if invocation.settings.dry_run else "accepted"
    invocation.report(
        report,
        lambda: [
            f"{style('✓', fg='green')} {done} {report.name} {report.version}",
            f"  signer     {report.signer}",
            f"  statement  {report.statement}",
            *([f"  log        entry {report.log_entry:,}"] if report.log_entry is not None else []),
            *([f"  identity   {report.identity}"] if report.identity else []),
        ],
    )
    return 0


def _accept_rebuild(invocation: Invocation, folder: Path, file: Path, online_key: str) -> int:
    from tarkpm.ops.registry.accept import accept_rebuild

    report = accept_rebuild(desk(invocation, folder), file, online_key)
    done = "would list" if invocation.settings.dry_run else "listed"
    outcome = "the same bytes" if report.same else "OTHER bytes"
    invocation.report(
        report,
        lambda: [
            f"{style('✓', fg='green')} {done} a rebuild of {report.name} {report.version}: {outcome}",
            f"  by         {report.key}",
            f"  rebuilt    by {len(report.rebuilt_by)} with the same bytes",
        ],
    )
    return 0
