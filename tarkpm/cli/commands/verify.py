"""``tarkpm verify``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import (
    Invocation,
    common,
)
from tarkpm.cli.rendering import CHECK, CROSS
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.audit.plugin import Finding
    from tarkpm.ops.verify import VerifyReport


@click.command("verify", cls=CheckedCommand)
@common
def verify_command(invocation: Invocation) -> int:
    """Verify every installed file, signature and decision, offline."""
    from tarkpm.ops.verify import verify

    report = verify(invocation.settings, invocation.ui)
    invocation.report(report, lambda: verify_lines(report))
    return report.exit_status


def verify_lines(report: "VerifyReport") -> list[str]:
    """Return the output of `tarkpm verify`."""
    lines = [_finding_line(finding) for finding in report.findings]
    problems = sum(not finding.note for finding in report.findings)
    size = f"{counted(report.files, 'file')}, {counted(report.bytes, 'byte')}"
    if problems:
        found = counted(problems, "finding")
        return [
            *lines,
            style(f"{CROSS} {found}", fg="red") + f" ({len(report.verified)} verified; {size})",
        ]
    count = len(report.verified)
    return [
        *lines,
        style(f"{CHECK} {counted(count, 'plugin')} verified", fg="green") + f" ({size})",
    ]


def _finding_line(finding: "Finding") -> str:
    from tarkpm.ops.audit.plugin import NamedFinding  # imported by then, and not for --help

    mark = style("note:", fg="cyan") if finding.note else style("problem:", fg="red")
    name = f"{finding.plugin}: " if finding.plugin and not isinstance(finding, NamedFinding) else ""
    text = f"{mark} {neutral(name + finding.message)}"
    if finding.where:
        text += f"\n  where: {neutral(finding.where)}"
    if finding.hint:
        text += f"\n  help: {neutral(finding.hint)}"
    return text
