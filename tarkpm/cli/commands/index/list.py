"""``tarkpm index list``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.copyable import copyable
from tarkpm.cli.options import Invocation, common
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.index import IndexRow


@click.command("list", cls=CheckedCommand)
@common
def list_command(invocation: Invocation) -> int:
    """List the indexes of the project."""
    from tarkpm.ops.index import list_indexes

    report = list_indexes(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _index_lines(report.indexes))
    return 0


def _index_lines(rows: "tuple[IndexRow, ...]") -> list[str]:
    if not rows:
        return [
            "The project uses no index.",
            "",
            "Add one with:",
            "  tarkpm index add NAME URL --root sha256:…",
        ]
    cells = [(row.name, neutral(row.url), str(len(row.plugins)), row.root) for row in rows]
    return copyable(("Name", "URL", "Plugins", "Root"), cells)
