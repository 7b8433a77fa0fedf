"""The commands of those who take plugins from an index: add, list and remove one."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.console import style, table
from tarkpm.cli.options import Invocation, allow_http, common, dry_run, offline, read_name
from tarkpm.cli.render import note_lines
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.index import IndexRow


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
    from tarkpm.ops.index import add_index

    row = add_index(invocation.settings, invocation.ui, read_name(name), url, root)
    done = "would add" if invocation.settings.dry_run else "added"
    lines = [f"{style('✓', fg='green')} {done} index {row.name} at {neutral(row.url)}"]
    if invocation.settings.offline:
        lines += note_lines(("it was not asked whether it is the one: that is found out when it is used",))
    invocation.report(row, lambda: lines)
    return 0


@click.command("list")
@common
def list_command(invocation: Invocation) -> int:
    """List the indexes of the project."""
    from tarkpm.ops.index import list_indexes

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
    from tarkpm.ops.index import remove_index

    row = remove_index(invocation.settings, invocation.ui, read_name(name))
    done = "would remove" if invocation.settings.dry_run else "removed"
    invocation.report(row, lambda: [f"{style('-', fg='red')} {done} index {row.name} at {neutral(row.url)}"])
    return 0
