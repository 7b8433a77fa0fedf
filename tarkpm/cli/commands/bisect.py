"""``tarkpm bisect``."""

from typing import TYPE_CHECKING, Final

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import generations
from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, allow_http, common, offline
from tarkpm.core.text import counted, cut, neutral

if TYPE_CHECKING:
    from tarkpm.ops.bisect import BisectReport

_NUMBER = click.IntRange(min=1)
MAX_REASON: Final = 160
"""Characters of the reason for which generations are skipped; an old one may go beyond in a hundred ways."""


@click.group("bisect", cls=Group)
def bisect_command() -> None:
    """Find the change of the project that broke something."""


@bisect_command.command("start", cls=CheckedCommand)
@click.argument("bad", type=_NUMBER, required=False, metavar="[BAD]", shell_complete=generations)
@click.argument("good", type=_NUMBER, required=False, metavar="[GOOD]", shell_complete=generations)
@offline
@allow_http
@common
def start_command(invocation: Invocation, bad: int | None, good: int | None) -> int:
    """Begin: generation BAD has the fault, generation GOOD does not. See `tarkpm log`.

    Each step brings the project to a generation in between, as `rollback` does. Test it, and type
    `tarkpm bisect good` or `tarkpm bisect bad`.
    """
    from tarkpm.ops.bisect import start

    return _said(invocation, start(invocation.settings, invocation.ui, bad, good))


@bisect_command.command("good", cls=CheckedCommand)
@click.argument("number", type=_NUMBER, required=False, metavar="[N]", shell_complete=generations)
@offline
@allow_http
@common
def good_command(invocation: Invocation, number: int | None) -> int:
    """Mark generation N as good. [default: the one the project is at]"""
    from tarkpm.ops.bisect import mark

    return _said(invocation, mark(invocation.settings, invocation.ui, "good", number))


@bisect_command.command("bad", cls=CheckedCommand)
@click.argument("number", type=_NUMBER, required=False, metavar="[N]", shell_complete=generations)
@offline
@allow_http
@common
def bad_command(invocation: Invocation, number: int | None) -> int:
    """Mark generation N as bad. [default: the one the project is at]"""
    from tarkpm.ops.bisect import mark

    return _said(invocation, mark(invocation.settings, invocation.ui, "bad", number))


@bisect_command.command("skip", cls=CheckedCommand)
@click.argument("number", type=_NUMBER, required=False, metavar="[N]", shell_complete=generations)
@offline
@allow_http
@common
def skip_command(invocation: Invocation, number: int | None) -> int:
    """Leave out generation N, which cannot be tested. [default: the one the project is at]"""
    from tarkpm.ops.bisect import mark

    return _said(invocation, mark(invocation.settings, invocation.ui, "skip", number))


@bisect_command.command("run", cls=CheckedCommand, context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@offline
@allow_http
@common
def run_command(invocation: Invocation, command: tuple[str, ...]) -> int:
    """Test each generation with COMMAND.

    Exit status 0 is good, 125 skips, and 1 to 124 are bad. Write `--` before COMMAND if it has options.
    """
    from tarkpm.ops.bisect import run

    return _said(invocation, run(invocation.settings, invocation.ui, command))


@bisect_command.command("reset", cls=CheckedCommand)
@click.option("--here", is_flag=True, help="Stay at the present generation.")
@offline
@allow_http
@common
def reset_command(invocation: Invocation, here: bool) -> int:
    """End, and return to where the project was."""
    from tarkpm.ops.bisect import reset

    report = reset(invocation.settings, invocation.ui, here=here)
    lines = ["the bisection is ended" if here else f"back at generation {report.start}"]
    invocation.report(report, lambda: lines)
    return 0


def _said(invocation: Invocation, report: "BisectReport") -> int:
    invocation.report(report, lambda: _lines(report))
    return 0


def _skipped_lines(skipped: dict[int, str]) -> list[str]:
    """Return a line for each reason, which many generations often share; --json has all of it."""
    found: dict[str, list[int]] = {}
    for number in sorted(skipped):
        found.setdefault(cut(neutral(skipped[number]), MAX_REASON), []).append(number)
    return [
        f"skipped generation{'s' if numbers[1:] else ''} {', '.join(map(str, numbers))}: {why}"
        for why, numbers in found.items()
    ]


def _lines(report: "BisectReport") -> list[str]:
    skipped = _skipped_lines(report.skipped)
    if report.state == "begun":
        missing = [word for word, number in (("good", report.good), ("bad", report.bad)) if not number]
        return [*skipped, *(f"mark a {word} generation: tarkpm bisect {word} [N]" for word in missing)]
    if report.state == "testing":
        left = f" ({counted(report.left, 'other generation')} left)" if report.left else ""
        ask = "then: tarkpm bisect good, or: tarkpm bisect bad"
        return [*skipped, f"now at generation {report.testing}{left}: test it, {ask}"]
    from tarkpm.cli.differences import summary_words

    end = "to return: tarkpm bisect reset"
    if len(report.first_bad) > 1:
        numbers = ", ".join(map(str, report.first_bad))
        return [*skipped, f"the first bad generation is one of {numbers}; {end}"]
    changes = [f"  {neutral(summary_words(change))}" for change in report.changes]
    number = report.first_bad[0]
    return [*skipped, f"the first bad generation is {number} (see: tarkpm show {number})", *changes, end]
