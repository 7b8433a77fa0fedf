"""``tarkpm test``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.test import CaseResult, CasesReport

WIDTH = 72
"""Dots in one line."""


@click.command("test", cls=CheckedCommand)
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path(path_type=Path))
@click.option(
    "-k", "--only", "only", default="", metavar="TEXT", help="Run only cases with TEXT in their name."
)
@common
def test_command(invocation: Invocation, folder: Path, only: str) -> int:
    """Run the test cases of the plugin in DIR.

    A case is a file DIR/tests/NAME.toml with a call, what it meets (http, env, files, clock) and what is
    expected. It never reaches the network or files of this machine.

    \b
      call = "TOOL"
      arguments = { text = "two words" }
      [expect]
      result = { words = 2 }
    """
    from tarkpm.ops.test import run_cases

    report = run_cases(invocation.settings, invocation.ui, folder, only=only)
    for note in report.notes:
        invocation.ui.note(note)
    invocation.report(report, lambda: list(case_lines(report)))
    return 1 if report.failed else 0


def case_lines(report: "CasesReport") -> Iterator[str]:
    """Yield the output of `tarkpm test`: a dot for each case, the failures, and a summary."""
    dots = "".join("." if one.passed else "F" for one in report.cases)
    for start in range(0, len(dots), WIDTH):
        yield dots[start : start + WIDTH]
    failures = [one for one in report.cases if not one.passed]
    for one in failures:
        yield ""
        yield from _failure(one)
    if failures:
        yield ""
    counts = {"failed": report.failed, "passed": report.passed}
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    yield style(f"{said} in {report.seconds:.2f} s", fg="red" if failures else "green")


def _failure(result: "CaseResult") -> Iterator[str]:
    yield f"{style('FAILED', fg='red')} {style(result.case, bold=True)}"
    for one in result.mismatches:
        yield neutral(one.message)
        for line in one.diff:
            colors = {"-": "red", "+": "green"}
            yield style(f"  {neutral(line)}", fg=colors.get(line[:1]))
    for title, lines in (("host calls", result.host_calls), ("log", result.log)):
        if lines:
            yield f"{title}:"
            yield from (f"  {neutral(line)}" for line in lines)
