"""``tarkpm search``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, allow_http, common
from tarkpm.cli.tables import table
from tarkpm.core.capability import KINDS
from tarkpm.core.release import TYPES
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.search import SearchReport


@click.command("search", cls=CheckedCommand)
@click.argument("words", nargs=-1, required=True)
@click.option("--type", "kind", type=click.Choice(TYPES), help="Show only plugins of this type.")
@click.option("--capability", type=click.Choice(KINDS), help="Show only plugins that declare this.")
@allow_http
@common
def search_command(
    invocation: Invocation, words: tuple[str, ...], kind: str | None, capability: str | None
) -> int:
    """Search the project's indexes."""
    from tarkpm.ops.search import search

    settings, ui = invocation.settings, invocation.ui
    report = search(settings, ui, list(words), kind=kind or "", capability=capability or "")
    invocation.report(report, lambda: _search_lines(report))
    return 0


def _search_lines(report: "SearchReport") -> list[str]:
    if not report.plugins:
        meant = f" Did you mean '{report.near}'?" if report.near else ""
        return [f"No plugin matches.{meant}"]
    cells = [
        (
            f"{row.index}:{row.name}",
            row.version + (f" (locked: {row.locked})" if row.locked else ""),
            row.type,
            ", ".join(row.capabilities),
            neutral(row.description),
        )
        for row in report.plugins
    ]
    header = ("Plugin", "Version", "Type", "Capabilities", "Description")
    lines = table(header, cells, whole=("Plugin",), prose=("Version",))
    if report.more:
        lines.append(f"and {report.more} more: add a word")
    return [style(lines[0], bold=True), *lines[1:]]
