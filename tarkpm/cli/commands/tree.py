"""``tarkpm tree``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import locked_names
from tarkpm.cli.options import Invocation, common, read_name
from tarkpm.cli.rendering import note_lines
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.tree import TreeReport


@click.command("tree", cls=CheckedCommand)
@click.option(
    "--invert",
    shell_complete=locked_names,
    default="",
    metavar="NAME",
    help="Show which plugins need plugin NAME.",
)
@common
def tree_command(invocation: Invocation, invert: str) -> int:
    """Show the dependency tree."""
    from tarkpm.ops.tree import show_tree

    report = show_tree(invocation.settings, invocation.ui, invert=read_name(invert) if invert else None)
    invocation.report(report, lambda: _tree_lines(report))
    return 0


def _tree_lines(report: "TreeReport") -> list[str]:
    if not report.branches:
        return ["The project requires no plugins."]
    lines = []
    for one in report.branches:
        line = "  " * one.depth + f"{one.name} {one.version or '(not locked)'}"
        if one.range:
            line += f" (as {one.range})"
        elif one.source:
            line += f" from {neutral(one.source)}"
        lines.append(line + (" (*)" if one.repeated else ""))
    if any(one.repeated for one in report.branches):
        lines += ["", "(*) its dependencies are shown above"]
    return [*lines, *note_lines(report.notes)]
