"""``tarkpm grant``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import grantable, plugin_names
from tarkpm.cli.options import (
    Invocation,
    common,
    dry_run,
    read_capability,
    read_name,
)
from tarkpm.cli.rendering import grant_lines
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.grant import UnusedReport, UnusedRow


@click.command("grant", cls=CheckedCommand)
@click.argument("name", shell_complete=plugin_names, required=False)
@click.argument("capabilities", shell_complete=grantable, nargs=-1, metavar="CAPABILITY...")
@click.option("--reset", is_flag=True, help="Grant exactly the declared capabilities.")
@click.option("--unused", is_flag=True, help="List what was granted and never used.")
@click.option(
    "--days", type=click.IntRange(min=1), metavar="N", help="With --unused: not used in the last N days."
)
@click.option("--narrow", is_flag=True, help="With --unused: revoke what is listed.")
@dry_run
@common
def grant_command(
    invocation: Invocation,
    name: str | None,
    capabilities: tuple[str, ...],
    reset: bool,
    unused: bool,
    days: int | None,
    narrow: bool,
) -> int:
    """Grant capabilities to a plugin.

    A CAPABILITY is storage, http:HOST, env:NAME, filesystem:DIR, secret:ID=NAME or shell; the plugin must
    declare it. With --unused, NAME may be left out.
    """
    from tarkpm.ops import grant

    if unused:
        if reset or capabilities:
            raise click.UsageError("expected --unused alone, found --reset or capabilities")
        return _show_unused(invocation, name, days, narrow=narrow)
    if narrow or days is not None:
        raise click.UsageError("expected --unused with --narrow and --days")
    if name is None:
        raise click.UsageError("expected the NAME of a plugin, or --unused")
    if reset and capabilities:
        raise click.UsageError("expected capabilities or --reset, found both")
    if not reset and not capabilities:
        raise click.UsageError("expected capabilities, or --reset for all that are declared")
    settings, ui, plugin = invocation.settings, invocation.ui, read_name(name)
    wanted = [read_capability(text) for text in capabilities]
    report = grant.reset(settings, ui, plugin) if reset else grant.grant(settings, ui, plugin, wanted)
    invocation.report(report, lambda: grant_lines(report, dry_run=invocation.settings.dry_run))
    return 0


def _show_unused(invocation: Invocation, name: str | None, days: int | None, *, narrow: bool) -> int:
    from tarkpm.ops.grant import unused

    names = [read_name(name)] if name else []
    report = unused(invocation.settings, invocation.ui, names, days, narrow=narrow)
    invocation.report(report, lambda: _unused_lines(report, days, narrow=narrow))
    return 0


def _unused_lines(report: "UnusedReport", days: int | None, *, narrow: bool) -> list[str]:
    lines = [f"{row.name}: {_unused_text(row, days)}" for row in report.plugins]
    found = any(row.unused for row in report.plugins)
    if found and narrow:
        lines.append("revoked these grants" if report.narrowed else "would revoke these grants")
    elif found:
        lines.append("to revoke these grants: add --narrow")
    return lines or ["nothing is granted"]


def _unused_text(row: "UnusedRow", days: int | None) -> str:
    if not row.since:
        return "not called here yet, so nothing is known"
    if not row.judged:
        return f"counted only since {row.since}"
    when = f"used in {counted(days, 'day')}" if days else f"used (counted since {row.since})"
    never = "not" if days else "never"
    return f"{never} {when}: {neutral(', '.join(row.unused))}" if row.unused else f"all {when}"
