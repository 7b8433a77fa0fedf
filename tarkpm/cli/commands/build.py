"""``tarkpm build``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common, dry_run

if TYPE_CHECKING:
    from tarkpm.ops.author.building import BuildReport


@click.command("build", cls=CheckedCommand)
@click.argument("folder", type=click.Path(path_type=Path), default=".", metavar="[DIR]")
@click.option("--check-reproducible", is_flag=True, help="Build twice, and fail if the results differ.")
@dry_run
@common
def build_command(invocation: Invocation, folder: Path, check_reproducible: bool) -> int:
    """Build the plugin in DIR from its sources. [default: .]

    The toolchain follows from the source: plugin.c, plugin.js, plugin.py, plugin.rs or Cargo.toml, or what
    [build] in plugin.toml names. The module is checked before it is written.
    """
    from tarkpm.ops.build import build

    report = build(invocation.settings, invocation.ui, folder, compare=check_reproducible)
    for note in report.notes:
        invocation.ui.note(note)
    invocation.report(report, lambda: lines(report, dry_run=invocation.settings.dry_run))
    return 0


def lines(report: "BuildReport", *, dry_run: bool) -> list[str]:
    """Return what a build did."""
    name, toolchain = Path(report.path).name, f"{report.toolchain} {report.version}".strip()
    if dry_run:
        return [f"would build {name} with {toolchain}"]
    if not report.built:
        return [f"{name} is up to date"]
    again = "reproducible" if report.reproducible else "not reproducible: another build gives other bytes"
    if report.compared:
        again = "reproducible: two builds gave the same bytes"
    by = f"with {toolchain}" if report.toolchain != "none" else "from a core module"
    return [f"built {name} {by}: {report.size:,} bytes, {again}"]
