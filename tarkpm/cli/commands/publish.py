"""``tarkpm publish``."""

import shlex
from pathlib import Path

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import key_names
from tarkpm.cli.git_options import source_url
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.cli.passphrase import ask_passphrase
from tarkpm.core.names import STATEMENT


@click.command("publish", cls=CheckedCommand)
@click.argument(
    "folder", default=".", metavar="[FOLDER]", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder to write the release to.",
)
@click.option(
    "--key",
    shell_complete=key_names,
    default="",
    metavar="NAME",
    help="Sign with key NAME, even if already signed.",
)
@click.option(
    "--allow-dirty",
    is_flag=True,
    help="Publish files that are not committed in the git repository around them.",
)
@source_url
@dry_run
@common
def publish_command(
    invocation: Invocation, folder: Path, to: Path, key: str, allow_dirty: bool, source_url: str
) -> int:
    """Prepare a signed release for an index.

    The release in FOLDER is written to DIR/NAME-VERSION, ready to be submitted.
    """
    from tarkpm.ops.publish import publish

    report = publish(
        invocation.settings, folder, to, key, ask_passphrase, allow_dirty=allow_dirty, source_url=source_url
    )
    accept = shlex.join(["tarkpm", "index", "accept", report.folder])
    state = "wrote" if report.written else "would write" if invocation.settings.dry_run else "unchanged:"
    again = "signed again" if report.replaced else "signed now"
    how = f" ({again} with key '{report.key}')" if report.signed_now else ""
    if report.replaced:
        invocation.ui.note(
            f"{STATEMENT} does not match the files; only the copy in {report.folder} is signed again"
        )
    invocation.report(
        report,
        lambda: [
            f"{state} {report.folder}: {', '.join(report.files)}",
            f"  release  {report.name} {report.version}",
            f"  signer   {report.signer}{how}",
            f"  next     submit the folder; the index maintainers run: {accept}",
        ],
    )
    return 0
