"""The commands of those who take plugins from an index: add, list and remove one, search, and the tree."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.console import style, table
from tarkpm.cli.options import Invocation, allow_http, common, dry_run, offline, read_name
from tarkpm.core.release import TYPES
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.index_use import IndexRow
    from tarkpm.ops.search import SearchReport
    from tarkpm.ops.tree import TreeReport


@click.command("add")
@click.argument("name")
@click.argument("url", metavar="URL|FOLDER")
@click.option(
    "--root", required=True, metavar="sha256:…|FILE", help="Its first root, as its maintainers publish it."
)
@offline
@allow_http
@dry_run
@common
def add_command(invocation: Invocation, name: str, url: str, root: str) -> int:
    """Take plugins from an index. Trust in it starts with its root."""
    from tarkpm.ops.index_use import add_index

    row = add_index(invocation.settings, invocation.ui, read_name(name), url, root)
    done = "would add" if invocation.settings.dry_run else "added"
    invocation.report(
        row, lambda: [f"{style('✓', fg='green')} {done} index {row.name} at {neutral(row.url)}"]
    )
    return 0


@click.command("list")
@common
def list_command(invocation: Invocation) -> int:
    """List the indexes of the project."""
    from tarkpm.ops.index_use import list_indexes

    report = list_indexes(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _index_lines(report.indexes))
    return 0


def _index_lines(rows: "tuple[IndexRow, ...]") -> list[str]:
    if not rows:
        return ["No index is set up.", "", "Add one with:", "  tarkpm index add NAME URL --root sha256:…"]
    cells = [(row.name, neutral(row.url), row.root, str(len(row.plugins))) for row in rows]
    return table(("Name", "URL", "Root", "Plugins"), cells)


@click.command("remove")
@click.argument("name")
@dry_run
@common
def remove_command(invocation: Invocation, name: str) -> int:
    """Take no more plugins from an index."""
    from tarkpm.ops.index_use import remove_index

    row = remove_index(invocation.settings, invocation.ui, read_name(name))
    done = "would remove" if invocation.settings.dry_run else "removed"
    invocation.report(row, lambda: [f"{style('-', fg='red')} {done} index {row.name} at {neutral(row.url)}"])
    return 0


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--type", "kind", type=click.Choice(TYPES), help="Only plugins of this type.")
@click.option(
    "--capability", default="", metavar="KIND", help="Only plugins that ask for this, such as http."
)
@allow_http
@common
def search_command(invocation: Invocation, words: tuple[str, ...], kind: str | None, capability: str) -> int:
    """Find plugins in the project's indexes, by words of their name and description."""
    from tarkpm.ops.search import search

    settings, ui = invocation.settings, invocation.ui
    report = search(settings, ui, list(words), kind=kind or "", capability=capability)
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
    lines = table(("Plugin", "Version", "Type", "Capabilities", "Description"), cells)
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
    return lines
