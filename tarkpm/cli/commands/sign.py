"""``tarkpm sign``."""

from pathlib import Path

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import key_names
from tarkpm.cli.git_options import source_url
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.cli.passphrase import ask_passphrase


@click.command("sign", cls=CheckedCommand)
@click.argument(
    "folder", default=".", metavar="[FOLDER]", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--key",
    shell_complete=key_names,
    default="",
    metavar="NAME",
    help="Key to sign with. [default: the only one]",
)
@source_url
@dry_run
@common
def sign_command(invocation: Invocation, folder: Path, key: str, source_url: str) -> int:
    """Sign the release in FOLDER.

    The signed statement is written to plugin.dsse.json, next to plugin.toml. With --source it names the
    commit, so that others can rebuild the release.
    """
    from tarkpm.ops.sign import sign

    verb = "would sign" if invocation.settings.dry_run else "signed"
    report = sign(invocation.settings, folder, key, ask_passphrase, source_url=source_url)
    invocation.report(
        report,
        lambda: [
            f"{verb} {report.name} {report.version}: {', '.join(report.files)}",
            f"  statement  {report.statement}",
            f"  signer     {report.signer} (key '{report.key}')",
            *([f"  source     {report.source}"] if report.source else []),
            *(
                [f"  next       commit with it: {', '.join(report.uncommitted)}"]
                if report.uncommitted
                else []
            ),
        ],
    )
    return 0
