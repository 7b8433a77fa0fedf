"""``tarkpm export sigstore``."""

from pathlib import Path

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common, dry_run


@click.command("sigstore", cls=CheckedCommand)
@click.argument(
    "folder", default=".", metavar="[FOLDER]", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "-o",
    "--output",
    "to",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File to write the bundle to. The signer's key is written beside it, as PEM.",
)
@dry_run
@common
def sigstore_command(invocation: Invocation, folder: Path, to: Path) -> int:
    """Write the signed statement in FOLDER as a Sigstore bundle. [default: .]

    cosign and other Sigstore tools verify it with the signer's public key. The command that does is printed.
    """
    from tarkpm.ops.export_sigstore import export_sigstore

    report = export_sigstore(invocation.settings, folder, to)
    wrote = "would write" if invocation.settings.dry_run else "wrote"
    invocation.report(
        report,
        lambda: [
            f"{wrote} {report.bundle}",
            f"  release  {report.name} {report.version}",
            f"  signer   {report.signer}",
            f"  key      {report.public_key}",
            f"  verify   {report.command}",
        ],
    )
    return 0
