"""``tarkpm index log``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.lazy_group import Group
from tarkpm.cli.maintainer import (
    desk,
    finding_lines,
    index_folder,
    maintainer_command,
    read_key,
    report_proposal,
)
from tarkpm.cli.options import Invocation, allow_http, common, dry_run, read, read_name
from tarkpm.core.text import neutral
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.core.tlog.compared import SeenTree
    from tarkpm.core.tlog.note import NoteKey


@click.group("log", cls=Group)
def log_command() -> None:
    """Keep a log of all releases that nobody can rewrite, and check it."""


@log_command.command("init")
@click.option(
    "--log",
    "log_key",
    default="",
    metavar="KEY",
    help="Public key of the log. [default: a new key, made here]",
)
@click.option(
    "--log-key",
    "key_name",
    default="",
    metavar="NAME",
    help="Name of the new key on this machine. [default: INDEX-log]",
)
@click.option(
    "--witness", "witnesses", multiple=True, metavar="NAME=KEY", help="Key of a witness. May be repeated."
)
@click.option(
    "--remove", multiple=True, metavar="NAME", help="Remove the witness of this name. May be repeated."
)
@click.option(
    "--quorum",
    type=int,
    metavar="COUNT",
    help="Number of witnesses who must have seen a release. [default: unchanged, at first 0]",
)
@maintainer_command
def init_command(
    invocation: Invocation,
    folder: Path,
    log_key: str,
    key_name: str,
    witnesses: tuple[str, ...],
    remove: tuple[str, ...],
    quorum: int | None,
    keys: tuple[str, ...],
) -> int:
    """Begin the log of an index, or change its witnesses.

    All releases are logged, and from then on each one that is accepted. A log never ends. Run it again to
    add or remove witnesses, or to change the quorum.
    """
    from tarkpm.ops.registry.transparency import LogPlan, log_init

    plan = LogPlan(
        read_key(log_key, "--log") if log_key else None,
        key_name,
        tuple(map(_witness, witnesses)),
        remove,
        quorum,
    )
    report_proposal(invocation, log_init(desk(invocation, folder), plan, keys))
    return 0


@log_command.command("check", cls=CheckedCommand)
@click.argument("name", default="", metavar="[NAME]")
@index_folder
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Compare with a checkpoint that someone else saved.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the checkpoint, for someone else to compare with.",
)
@allow_http
@common
def check_command(
    invocation: Invocation, folder: Path, name: str, against: Path | None, save: Path | None
) -> int:
    """Check the log of the project's index NAME, or of a folder.

    Without a NAME, the whole log of the index in a folder is read and compared with the rows of all
    releases. Exit status 1 if there are problems.
    """
    if name:
        if folder != Path():
            raise TarkError(
                "expected either NAME or --index DIR, found both", hint="tarkpm index log check --help"
            )
        from tarkpm.ops.index_log import compare_log

        seen = compare_log(invocation.settings, invocation.ui, read_name(name), against, save)
        invocation.report(seen, lambda: _log_lines(seen))
        return 0
    from tarkpm.ops.registry.log_check import check_log

    report = check_log(desk(invocation, folder), against)
    if save and report.log:
        save.write_text(report.log.checkpoint)
    invocation.report(
        report,
        lambda: [
            *(line for one in report.findings for line in finding_lines(one)),
            *(_log_lines(report.log, ok=not report.exit_status) if report.log else ()),
        ],
    )
    return report.exit_status


def _log_lines(log: "SeenTree", *, ok: bool = True) -> list[str]:
    from tarkpm.core.tlog.log import seen_text

    mark = style("✓", fg="green") if ok else style("✗", fg="red")
    entries = f"{log.entries:,} " + ("entry" if log.entries == 1 else "entries")
    lines = [
        f"{mark} {entries}, {seen_text(len(log.seen_by))}",
        f"  log      {neutral(log.origin)}",
        f"  key      {log.key}",
        f"  tree     {log.tree}",
    ]
    lines += [f"  witness  {neutral(one.name)} {one.key}" for one in log.seen_by]
    seen = {one.name for one in log.seen_by}
    lines += [f"  not yet  {neutral(name)}" for name in log.witnesses if name not in seen]
    lines += [f"  quorum   {log.quorum} of {len(log.witnesses)}"] if log.quorum else []
    if log.compared is not None:
        lines.append(f"  compared with a tree of {log.compared:,}: it is the same log")
    return lines


@log_command.command("witness", cls=CheckedCommand)
@click.argument("index", metavar="URL|FOLDER")
@click.option("--root", required=True, metavar="sha256:…", help="First root of the index.")
@click.option("--key", required=True, metavar="NAME", help="The witness's key on this machine.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the cosigned checkpoint there. [default: pending/ of a FOLDER; of a URL, print it]",
)
@allow_http
@dry_run
@common
def witness_command(invocation: Invocation, index: str, root: str, key: str, output: Path | None) -> int:
    """Cosign a log, unless it contradicts what was seen before.

    Run it daily, on a machine of its own. The index maintainers put the file into pending/ of the index,
    where `tarkpm index refresh` takes it.
    """
    from tarkpm.core.release import index_root
    from tarkpm.ops.registry.witness import witness

    identity = read(index_root, root, "--root")
    report = witness(desk(invocation, Path()), index, identity, key, output)
    done = "would cosign" if invocation.settings.dry_run else "cosigned"
    entries = f"{report.entries:,} entries" if report.entries != 1 else "1 entry"
    lines = [
        f"{style('✓', fg='green')} {done} {entries} of {neutral(report.origin)} as {neutral(report.witness)}",
        f"  seen before  {report.before:,}"
        if report.before
        else "  seen before  nothing: this is the first time",
    ]
    if report.file:
        lines.append(f"  file         {report.file}")
    elif report.text:
        lines += ["", *report.text.splitlines()]
    invocation.report(report, lambda: lines)
    return 0


def _witness(text: str) -> "NoteKey":
    from tarkpm.core.tlog.note import NoteKey, check_name

    name, equals, key = text.partition("=")
    if not equals:
        raise TarkError(f"expected NAME=KEY, found '{text[:80]}'", where="--witness")
    return NoteKey(read(check_name, name, "--witness"), read_key(key, "--witness"))
