"""``tarkpm wit``."""

from pathlib import Path

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common, dry_run


@click.command("wit", cls=CheckedCommand)
@click.argument("folder", type=click.Path(path_type=Path), default="wit", metavar="[DIR]")
@click.option("--c", "with_header", is_flag=True, help="Also write tark.h, the bindings for C.")
@dry_run
@common
def wit_command(invocation: Invocation, folder: Path, with_header: bool) -> int:
    """Write the WIT package of tark into DIR. [default: wit]

    Files of the same names are replaced, others stay.
    """
    from tarkpm.ops.wit import write_wit

    report = write_wit(invocation.settings, folder, with_header=with_header)
    verb = "would write" if invocation.settings.dry_run else "wrote"
    invocation.report(
        report,
        lambda: [
            *(f"{verb} {Path(report.folder) / name}" for name in report.written),
            *([f"{len(report.unchanged)} unchanged in {report.folder}"] if report.unchanged else []),
        ],
    )
    return 0
