"""``tarkpm audit``."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import echo_json, style
from tarkpm.cli.options import Invocation, allow_http, common, offline
from tarkpm.cli.rendering import CHECK
from tarkpm.cli.tables import table
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.auditing import AuditFinding, AuditReport


@click.command("audit", cls=CheckedCommand)
@click.option("--sarif", is_flag=True, help="Print the findings as SARIF 2.1.0, for a forge.")
@offline
@allow_http
@common
def audit_command(invocation: Invocation, sarif: bool) -> int:
    """Show advisories about locked plugins, and other warnings.

    These are revoked, yanked and unsigned releases, and indexes that could not be checked. Exits with status
    1 if there are any. With --offline, only what this machine knows from the last check is used.
    """
    from tarkpm.ops.auditing import audit

    report = audit(invocation.settings, invocation.ui)
    if sarif:
        from tarkpm.cli.sarif import log_of

        echo_json(log_of(report))
    else:
        invocation.report(report, lambda: _lines(report))
    return report.exit_status


def _lines(report: "AuditReport") -> list[str]:
    when = [f"{name} checked {at}" for name, at in report.checked.items() if at]
    looked = "; ".join((counted(report.plugins, "plugin"), *when))
    if not report.findings:
        return [style(f"{CHECK} nothing found", fg="green") + f" ({looked})"]
    rows = [_row(one) for one in report.findings if one.plugin]
    # Each is looked up or typed again; the sentence has room below them.
    whole = ("Plugin", "Version", "Finding", "Severity", "Fixed in")
    lines = table((*whole, ""), rows, whole=whole, prose=("",)) if rows else []
    lines = [style(lines[0], bold=True), *lines[1:]] if lines else []
    for one in report.findings:
        lines += [f"  {neutral(one.id)}: {neutral(url)}" for url in one.urls]
    stale = [one for one in report.findings if not one.plugin]
    lines += _helps(one for one in report.findings if one.plugin)
    lines += [f"{style('stale:', fg='yellow')} {neutral(one.message)}" for one in stale]
    lines += _helps(stale)
    return [*lines, style(counted(len(report.findings), "finding"), fg="red") + f" ({looked})"]


def _helps(findings: "Iterable[AuditFinding]") -> list[str]:
    """Return each command once: one often helps against several findings."""
    return [f"  help: {neutral(hint)}" for hint in dict.fromkeys(one.hint for one in findings)]


def _row(one: "AuditFinding") -> tuple[str, ...]:
    what = neutral(one.id) if one.id else one.kind.value
    return (
        one.plugin,
        one.version,
        what,
        one.severity or "-",
        ", ".join(one.fixed) or "-",
        neutral(one.message, limit=200),
    )
