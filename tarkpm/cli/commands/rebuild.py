"""``tarkpm rebuild``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import key_names, plugin_names
from tarkpm.cli.git_options import git_ref
from tarkpm.cli.options import Invocation, allow_http, common
from tarkpm.cli.passphrase import ask_passphrase
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.change.source_args import GitRef
    from tarkpm.ops.rebuild import RebuildReport


@click.command("rebuild", cls=CheckedCommand)
@click.argument("plugin", shell_complete=plugin_names)
@git_ref
@click.option(
    "--run-cargo", is_flag=True, help="Also build a Cargo.toml, whose build scripts and macros run as you."
)
@click.option(
    "--attest",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Sign the outcome with --key, and write it to FILE for an index to list.",
)
@click.option("--key", shell_complete=key_names, default="", metavar="NAME", help="Key to sign with.")
@allow_http
@common
def rebuild_command(
    invocation: Invocation, plugin: str, ref: "GitRef", run_cargo: bool, attest: Path | None, key: str
) -> int:
    """Rebuild a release from its source and compare it byte for byte.

    PLUGIN is a name, [INDEX:]NAME[@VERSION] or a git URL, as `tarkpm add` takes it. The source is the commit
    that the release's statement names, or that the release is committed in. The exit status is 1 if anything
    differs.
    """
    from tarkpm.ops.rebuild import Attest, rebuild

    if (attest is None) == bool(key):
        raise click.UsageError("--attest and --key go together")
    signing = Attest(key, attest, ask_passphrase) if attest else None
    report = rebuild(invocation.settings, invocation.ui, plugin, ref, run_cargo=run_cargo, attest=signing)
    invocation.report(report, lambda: rebuild_lines(report))
    return 0 if report.same else 1


def rebuild_lines(report: "RebuildReport") -> list[str]:
    """Return the output of `tarkpm rebuild`."""
    outcome = "the rebuild has the same bytes" if report.same else "the rebuild DIFFERS"
    named = f" (the release names {report.named})" if report.named not in ("", report.toolchain) else ""
    return [
        f"{report.name} {report.version}: {outcome}",
        f"  source     {neutral(str(report.source), limit=400)}",
        f"  toolchain  {report.toolchain}{neutral(named)}",
        f"  module     {report.size:,} bytes, sha256 {report.sha256}",
        *(f"  differs    {neutral(text, limit=400)}" for text in report.differences),
        *([f"  signed     {report.attestation}"] if report.attestation else []),
    ]
