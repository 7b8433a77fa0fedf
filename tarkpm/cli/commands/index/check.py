"""``tarkpm index check``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.maintainer import desk, finding_lines, index_folder
from tarkpm.cli.options import Invocation, common, read
from tarkpm.core.text import counted

if TYPE_CHECKING:
    from tarkpm.ops.registry.check import CheckReport


@click.command("check", cls=CheckedCommand)
@index_folder
@click.option("--deep", is_flag=True, help="Also read every release and check its signature, row and module.")
@click.option("--root", default="", metavar="sha256:…", help="Require this first root.")
@common
def check_command(invocation: Invocation, folder: Path, deep: bool, root: str) -> int:
    """Audit the whole index without trusting its maintainers. Exit status 1 if there are problems."""
    from tarkpm.core.release import index_root
    from tarkpm.ops.registry.check import check

    identity = read(index_root, root, "--root") if root else ""
    report = check(desk(invocation, folder), identity, deep=deep)
    invocation.report(report, lambda: _checked(report))
    return report.exit_status


def _checked(report: "CheckReport") -> list[str]:
    lines = [line for finding in report.findings for line in finding_lines(finding)]
    count = sum(not finding.note for finding in report.findings)
    looked = f"{counted(report.plugins, 'plugin')}, {counted(report.releases, 'release')}"
    mark = f"✗ {counted(count, 'problem')}" if count else "✓ no problems found"
    lines.append(f"{style(mark, fg='red' if count else 'green')} ({looked})")
    return [*lines, f"root  {report.root}"] if report.root else lines
