"""``tarkpm init``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common, dry_run, read_version


@click.command("init", cls=CheckedCommand)
@click.option(
    "--tark-version",
    default="",
    metavar="VERSION",
    help="tark version of the project, such as 0.12.6. [default: the installed one]",
)
@dry_run
@common
def init_command(invocation: Invocation, tark_version: str) -> int:
    """Create a project: write a tark.toml."""
    from tarkpm.ops.init import init

    version = read_version(tark_version) if tark_version else None
    report = init(invocation.settings, version)
    suffix = f" for tark {report.tark_version}" if report.tark_version else ""
    if not suffix:
        invocation.ui.note(
            "tark was not found: the version that plugins need is not checked until [tark] version is set"
        )
    invocation.report(report, lambda: [f"created {report.path}{suffix}"])
    return 0
