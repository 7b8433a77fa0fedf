"""``tarkpm index status``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.maintainer import desk, index_folder
from tarkpm.cli.options import Invocation, common
from tarkpm.cli.tables import table
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.registry.status import IndexStatus, PendingStatus, RoleStatus, Signatory


@click.command("status", cls=CheckedCommand)
@index_folder
@common
def status_command(invocation: Invocation, folder: Path) -> int:
    """Show who signs the index, and what expires or waits.

    For each role: who signed it and when it expires. For each proposal: whose signatures are missing.

    Names are those under which keys are kept on this machine: tarkpm key import ed25519:… --name NAME
    """
    from tarkpm.ops.registry.status import status

    report = status(desk(invocation, folder))
    invocation.report(report, lambda: list(_lines(report)))
    return 0


def _lines(report: "IndexStatus") -> Iterator[str]:
    yield (
        f"index {report.name}, root {report.root}" if report.root else f"index {report.name}, not created yet"
    )
    if report.online:
        yield ""
        yield f"{report.threshold} of {_count(len(report.maintainers), 'maintainer')} must sign"
        rows = [("maintainer", *_owner(one)) for one in report.maintainers]
        yield from table(("Signs as", "Name", "Key"), [*rows, ("online key", *_owner(report.online))])
    if report.roles:
        yield ""
        yield from table(("Role", "Signed by", "Version", "Expires", ""), list(map(_role, report.roles)))
    if report.advisories or report.withdrawn_advisories:
        yield ""
        gone = f", {report.withdrawn_advisories} withdrawn" if report.withdrawn_advisories else ""
        yield f"{_count(report.advisories, 'advisory')} in force{gone}"
    yield ""
    if not report.pending:
        yield "no proposals are waiting"
    for one in report.pending:
        yield from _pending(one)


def _owner(one: "Signatory") -> tuple[str, str]:
    return one.label or "-", f"{one.key}{' (on this machine)' if one.here else ''}"


def _role(one: "RoleStatus") -> tuple[str, ...]:
    when = (
        f"in {_count(one.days, 'day')}"
        if one.days > 0
        else "in less than a day"
        if one.days == 0
        else "EXPIRED"
    )
    return one.role, one.signed_by, str(one.version or "-"), one.expires, when


def _pending(one: "PendingStatus") -> Iterator[str]:
    if one.problem:
        yield f"{style('✗', fg='red')} {neutral(one.file)}: {neutral(one.problem)}"
        return
    missing = (
        f"{one.missing} signature{'' if one.missing == 1 else 's'} missing" if one.missing else "complete"
    )
    yield f"{style('…', fg='yellow')} {neutral(one.title)}: {missing}"
    yield f"  signed by  {_names(one.signed_by) or 'nobody yet'}"
    if one.may_sign:
        yield f"  may sign   {_names(one.may_sign)}"
    yield f"  next       {neutral(one.next)}"


def _names(owners: "tuple[Signatory, ...]") -> str:
    return ", ".join(one.label or one.key for one in owners)


def _count(number: int, what: str) -> str:
    many = f"{what[:-1]}ies" if what.endswith("ory") else f"{what}s"
    return f"{number} {what if number == 1 else many}"
