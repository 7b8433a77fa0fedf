"""Options, parsing and output shared by the commands for index maintainers."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tarkpm.cli.complete import key_names
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common, dry_run, read, read_name
from tarkpm.cli.passphrase import ask_passphrase
from tarkpm.core.text import counted, neutral
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.core.key import PublicKey
    from tarkpm.core.release import PluginName
    from tarkpm.core.version import Version
    from tarkpm.ops.registry.desk import Desk
    from tarkpm.ops.registry.proposals import ProposalReport
    from tarkpm.registry.findings import IndexFinding

index_folder = click.option(
    "--index",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Folder of the index. [default: the current folder]",
)


key_options = click.option(
    "--key",
    "keys",
    shell_complete=key_names,
    multiple=True,
    metavar="NAME",
    help="Sign with this key. May be repeated.",
)


def desk(invocation: Invocation, folder: Path) -> "Desk":
    """Open the maintainer's desk in a folder."""
    from tarkpm.ops.registry.desk import open_desk

    return open_desk(invocation.settings, folder, ask_passphrase)


def maintainer_command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that maintainers sign with."""
    for option in (common, dry_run, key_options, index_folder):
        function = option(function)
    return function


def read_key(text: str, where: str) -> "PublicKey":
    """Parse a public key typed at ``where``. Raises `TarkError`."""
    from tarkpm.core.key import public_key

    return read(public_key, text, where)


def read_release_name(text: str) -> "tuple[PluginName, Version]":
    """Read ``NAME@VERSION``; raises `TarkError`."""
    from tarkpm.core.version import Version

    name, at, version = text.partition("@")
    if not at:
        raise TarkError(f"expected NAME@VERSION, found {text!r}")
    return read_name(name), read(Version.parse, version, text)


def report_proposal(invocation: Invocation, report: "ProposalReport") -> None:
    """Print the report of a proposal, as text or JSON."""
    invocation.report(report, lambda: proposal_lines(report))


def proposal_lines(report: "ProposalReport") -> list[str]:
    """Return what happened to a proposal and the next step, as lines to print."""
    rows = [*report.changes, ("signed by", ", ".join(report.signed_by) or "nobody yet")]
    if report.state == "waiting":
        rows.append(("missing", counted(report.missing, "signature")))
    if report.state == "in force":
        rows.append(("root", report.root))
    else:
        rows += [("digest", report.digest), ("proposal", report.file), ("next", report.next)]
    width = max(len(label) for label, _ in rows)
    done = style("✓", fg="green") if report.state == "in force" else style("…", fg="yellow")
    lines = [f"{done} {neutral(report.title)}: {report.state}"]
    lines += [f"  {neutral(label):<{width}}  {neutral(text)}" for label, text in rows]
    return lines + [f"{style('warning:', fg='yellow')} {neutral(text)}" for text in report.warnings]


def finding_lines(finding: "IndexFinding") -> list[str]:
    """Return a finding about an index as lines to print."""
    mark = style("note:", fg="cyan") if finding.note else style("problem:", fg="red")
    lines = [f"{mark} {neutral(finding.message)}"]
    lines += [f"  where: {neutral(finding.where)}"] if finding.where else []
    return lines + ([f"  help: {neutral(finding.hint)}"] if finding.hint else [])


online_key_option = click.option(
    "--online-key", default="", metavar="NAME", help="Name of the online key on this machine."
)
