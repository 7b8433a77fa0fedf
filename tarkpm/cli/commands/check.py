"""``tarkpm check``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common
from tarkpm.cli.rendering import CHECK, CROSS
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.author.findings import CheckFinding
    from tarkpm.ops.check import PluginCheckReport

COLORS: Final = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command("check", cls=CheckedCommand)
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path(path_type=Path))
@common
def check_command(invocation: Invocation, folder: Path) -> int:
    """Check whether the plugin in DIR would be accepted.

    Nothing is installed or sent. The module is loaded without any capability.
    """
    from tarkpm.ops.check import check

    report = check(invocation.settings, invocation.ui, folder)
    invocation.report(report, lambda: check_lines(report))
    return report.exit_status


def check_lines(report: "PluginCheckReport") -> list[str]:
    """Return the output of `tarkpm check`."""
    lines = [_line(finding) for finding in report.findings]
    counts = {
        severity: sum(one.severity == severity for one in report.findings)
        for severity in ("error", "warning")
    }
    what = f"{report.name} {report.version} ({report.type})" if report.name else report.folder
    warnings = f", with {counted(counts['warning'], 'warning')}" if counts["warning"] else ""
    if counts["error"]:
        said = f"{CROSS} {neutral(what)} would be refused: {counted(counts['error'], 'error')}"
        return [*lines, style(said, fg="red") + warnings.replace("with", "and")]
    facts = [f"{Path(report.module).name}: {counted(report.size, 'byte')}"]
    facts.append(f"imports {', '.join(report.imports)}" if report.imports else "imports nothing of tark")
    if report.tools:
        facts.append(f"tools {', '.join(neutral(tool) for tool in report.tools)}")
    return [
        *lines,
        style(f"{CHECK} {what} would be accepted", fg="green") + f"{warnings} ({'; '.join(facts)})",
    ]


def _line(finding: "CheckFinding") -> str:
    text = f"{style(finding.severity + ':', fg=COLORS[finding.severity])} {neutral(finding.message)}"
    if finding.where:
        text += f"\n  where: {neutral(finding.where)}"
    if finding.hint:
        text += f"\n  help: {neutral(finding.hint)}"
    return text
