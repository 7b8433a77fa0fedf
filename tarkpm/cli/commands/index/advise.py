"""``tarkpm index advise``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.maintainer import desk, maintainer_command, report_proposal
from tarkpm.cli.options import Invocation, read, read_name
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.ops.registry.advising import Advice


@click.command("advise", cls=CheckedCommand)
@click.argument("name", default="", metavar="NAME")
@click.argument("ranges", nargs=-1, metavar="RANGE…")
@click.option("--id", "id_", default="", metavar="ID", help="Id of the advisory, like x_TARK-2026-0001.")
@click.option("--severity", default="", metavar="WORD", help="low, medium, high or critical.")
@click.option("--summary", default="", metavar="TEXT", help="What the problem is, on one line.")
@click.option("--url", "urls", multiple=True, metavar="URL", help="Page with details. May be repeated.")
@click.option("--withdraw", default="", metavar="ID", help="Withdraw this advisory.")
@maintainer_command
def advise_command(
    invocation: Invocation,
    folder: Path,
    name: str,
    ranges: tuple[str, ...],
    id_: str,
    severity: str,
    summary: str,
    urls: tuple[str, ...],
    withdraw: str,
    keys: tuple[str, ...],
) -> int:
    """Publish, change or withdraw an advisory about a plugin.

    A RANGE is like '<1.2.3', '>=1.0.0, <1.2.3', '=1.0.0' or '*'. The version after '<' is the fix.
    """
    from tarkpm.core.advisory import advisory_id
    from tarkpm.ops.registry import advising

    if withdraw:
        if name or id_ or severity or summary or urls:
            raise TarkError("--withdraw takes no other option about an advisory", where=withdraw)
        id_ = read(advisory_id, withdraw, "--withdraw")
        report = advising.withdraw(desk(invocation, folder), id_, keys)
    else:
        advice = _advice(name, ranges, id_, severity, summary, urls)
        report = advising.advise(desk(invocation, folder), advice, keys)
    report_proposal(invocation, report)
    return 0


def _advice(
    name: str, ranges: tuple[str, ...], id_: str, severity: str, summary: str, urls: tuple[str, ...]
) -> "Advice":
    from tarkpm.core.advisory import Severity, advisory_id, span_of
    from tarkpm.ops.registry.advising import Advice

    if not (name and ranges and id_ and severity and urls):
        raise TarkError(
            "expected NAME, RANGE, --id, --severity and --url, or --withdraw ID",
            hint="tarkpm index advise --help",
        )
    return Advice(
        read(advisory_id, id_, "--id"),
        read_name(name),
        tuple(read(span_of, text, name) for text in ranges),
        read(Severity.parse, severity, "--severity"),
        summary,
        urls,
    )
