"""The commands that look around: in indexes, among what is locked, and for what is newer."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.console import one_line_each, style, table
from tarkpm.cli.options import Invocation, allow_http, common, read_name
from tarkpm.cli.render import note_lines
from tarkpm.core.capability import KINDS
from tarkpm.core.release import TYPES
from tarkpm.core.text import neutral
from tarkpm.errors import Unreachable

if TYPE_CHECKING:
    from tarkpm.ops.outdated import OutdatedReport
    from tarkpm.ops.search import SearchReport
    from tarkpm.ops.tree import TreeReport


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--type", "kind", type=click.Choice(TYPES), help="Only plugins of this type.")
@click.option("--capability", type=click.Choice(KINDS), help="Only plugins that ask for this.")
@allow_http
@common
def search_command(
    invocation: Invocation, words: tuple[str, ...], kind: str | None, capability: str | None
) -> int:
    """Find plugins in the project's indexes, by words of their name and description."""
    from tarkpm.ops.search import search

    settings, ui = invocation.settings, invocation.ui
    report = search(settings, ui, list(words), kind=kind or "", capability=capability or "")
    invocation.report(report, lambda: _search_lines(report))
    return 0


def _search_lines(report: "SearchReport") -> list[str]:
    if not report.plugins:
        return ["No plugin matches."]
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
    lines = one_line_each(table(("Plugin", "Version", "Type", "Capabilities", "Description"), cells))
    if report.more:
        lines.append(f"and {report.more} more: add a word")
    return [style(lines[0], bold=True), *lines[1:]]


@click.command("tree")
@click.option("--invert", default="", metavar="NAME", help="Show who needs this plugin.")
@common
def tree_command(invocation: Invocation, invert: str) -> int:
    """Show which plugin is there for which."""
    from tarkpm.ops.tree import show_tree

    report = show_tree(invocation.settings, invocation.ui, invert=read_name(invert) if invert else None)
    invocation.report(report, lambda: _tree_lines(report))
    return 0


def _tree_lines(report: "TreeReport") -> list[str]:
    if not report.branches:
        return ["No plugins are asked for."]
    lines = []
    for one in report.branches:
        line = "  " * one.depth + f"{one.name} {one.version or '(not locked)'}"
        if one.range:
            line += f" (as {one.range})"
        elif one.source:
            line += f" from {neutral(one.source)}"
        lines.append(line + (" (*)" if one.repeated else ""))
    if any(one.repeated for one in report.branches):
        lines += ["", "(*) its branches are shown above"]
    return [*lines, *note_lines(report.notes)]


@click.command("outdated")
@allow_http
@common
def outdated_command(invocation: Invocation) -> int:
    """Show what an update would move, and what is newer. Exit status 1 if there is any."""
    from tarkpm.ops.outdated import outdated

    report = outdated(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _outdated_lines(report))
    if report.failed:
        return Unreachable.exit_status
    return 1 if report.plugins else 0


def _outdated_lines(report: "OutdatedReport") -> list[str]:
    failed = [f"{style('failed:', fg='red')} {name}: {neutral(why)}" for name, why in report.failed.items()]
    if not report.plugins:
        count = report.checked
        fine = f"{count} plugin{'s are' if count != 1 else ' is'} up to date"
        return [fine, *failed, *note_lines(report.notes)]
    cells = [
        (
            row.name,
            row.locked,
            row.update or "-",
            row.newest,
            neutral(row.source) + (f" at {row.commit[:12]}" if row.commit else ""),
            neutral(row.warning),
        )
        for row in report.plugins
    ]
    lines = table(("Plugin", "Locked", "Update", "Newest", "Source", ""), cells)
    if any(row.update for row in report.plugins):
        lines += ["", "To take what Update shows: tarkpm update"]
    return [style(lines[0], bold=True), *lines[1:], *failed, *note_lines(report.notes)]
