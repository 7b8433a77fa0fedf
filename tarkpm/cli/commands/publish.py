"""``tarkpm publish``."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import index_names, key_names
from tarkpm.cli.git_options import source_url
from tarkpm.cli.options import Invocation, common, dry_run
from tarkpm.cli.passphrase import ask_passphrase
from tarkpm.core.names import STATEMENT

if TYPE_CHECKING:
    from tarkpm.ops.author.logged import LoggedAs
    from tarkpm.ops.publish import PublishReport, PushReport


class _Destination(click.Path):
    """A folder, or the text of an OCI reference."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value[:6].lower() == "oci://":
            return value
        return super().convert(value, param, ctx)


@click.command("publish", cls=CheckedCommand)
@click.argument(
    "folder", default=".", metavar="[FOLDER]", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--to",
    required=True,
    type=_Destination(path_type=Path, file_okay=False),
    metavar="DIR|OCI",
    help="Folder to write the release to, or oci://HOST/REPOSITORY[:TAG].",
)
@click.option(
    "--key",
    shell_complete=key_names,
    default="",
    metavar="NAME",
    help="Sign with key NAME. [default: publish what `tarkpm sign` signed]",
)
@click.option(
    "--allow-dirty",
    is_flag=True,
    help="Publish files that are not committed in the git repository around them.",
)
@source_url
@click.option(
    "--log",
    default="",
    metavar="INDEX",
    shell_complete=index_names,
    help="Push the proof that the log of INDEX has the release. Only with --to OCI.",
)
@dry_run
@common
def publish_command(
    invocation: Invocation,
    folder: Path,
    to: Path | str,
    key: str,
    allow_dirty: bool,
    source_url: str,
    log: str,
) -> int:
    """Prepare a signed release for an index, or push it to a registry.

    The release in FOLDER is written to DIR/NAME-VERSION, ready to be submitted, or pushed to the repository
    OCI, under its version unless OCI has a tag. A tag that exists is never moved.
    """
    from tarkpm.ops.publish import publish, publish_to_registry

    settings = invocation.settings
    how: Any = {"allow_dirty": allow_dirty, "source_url": source_url}
    report: PublishReport | PushReport
    if isinstance(to, str):
        report = publish_to_registry(settings, invocation.ui, folder, to, key, ask_passphrase, **how, log=log)
    elif log:
        raise click.UsageError("expected --log with --to oci://…; the rows of an index have their proofs")
    else:
        report = publish(settings, folder, to, key, ask_passphrase, **how)
    place = _place(report)
    if report.replaced:
        invocation.ui.note(f"{STATEMENT} does not match the files; only the copy in {place} is signed again")
    invocation.report(report, lambda: _lines(report, dry_run=settings.dry_run))
    return 0


def _place(report: "PublishReport | PushReport") -> str:
    from tarkpm.ops.publish import PublishReport

    return report.folder if isinstance(report, PublishReport) else report.reference


def _lines(report: "PublishReport | PushReport", *, dry_run: bool) -> list[str]:
    from tarkpm.ops.publish import PublishReport

    again = "signed again" if report.replaced else "signed now"
    how = f" ({again} with key '{report.key}')" if report.signed_now else ""
    release = [f"  release  {report.name} {report.version}", f"  signer   {report.signer}{how}"]
    if report.source:  # it is signed, too
        release.append(f"  source   {report.source}")
    files = ", ".join(report.files)
    if isinstance(report, PublishReport):
        state = "wrote" if report.written else "would write" if dry_run else "unchanged:"
        accept = shlex.join(["tarkpm", "index", "accept", report.folder])
        after = f"  next     submit the folder; the index maintainers run: {accept}"
        return [f"{state} {report.folder}: {files}", *release, after]
    release.append(f"  digest   {report.digest}")
    if report.log:
        release.append(f"  log      {_log_text(report.log)}")
    state = "already published:" if report.existed else "would push" if dry_run else "pushed"
    after = f"  next     users run: tarkpm add {report.reference}"
    return [f"{state} {report.reference}: {files}", *release, after]


def _log_text(log: "LoggedAs") -> str:
    from tarkpm.core.tlog.log import seen_text

    text = f"in the log of {log.index}, entry {log.entry:,}, {seen_text(len(log.seen_by))}"
    there = {"this": "", "another": "another proof of it", "none": "no proof of it"}[log.proof]
    return f"{text}; the artifact there has {there}, and a tag is never moved" if there else text
