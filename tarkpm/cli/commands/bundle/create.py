"""``tarkpm bundle create``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import key_names, locked_names
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, allow_http, common, offline
from tarkpm.cli.passphrase import ask_passphrase
from tarkpm.cli.rendering import CHECK, note_lines
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.bundle import BundleCreateReport


@click.command("create", cls=CheckedCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=locked_names)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="File to write."
)
@click.option(
    "--compiled",
    default="",
    metavar="PLATFORM",
    help="Add compiled code for PLATFORM, such as linux/amd64, signed with --key.",
)
@click.option(
    "--key", shell_complete=key_names, default="", metavar="NAME", help="Key to sign compiled code with."
)
@offline
@allow_http
@common
def create_command(
    invocation: Invocation, names: tuple[str, ...], output: Path, compiled: str, key: str
) -> int:
    """Write the locked plugins into one file.

    With names, only these and what they depend on. The file also has what community indexes say of them
    now: who may sign them, what was revoked, and advisories.

    Compiled code is taken only by machines whose own configuration lists the key.
    """
    from tarkpm.ops.author.bundled_code import CompileRequest
    from tarkpm.ops.bundle import create

    if bool(compiled) != bool(key):
        raise click.UsageError("--compiled and --key need each other")
    request = CompileRequest(compiled, key, ask_passphrase) if compiled else None
    report = create(invocation.settings, invocation.ui, output, names, request)
    invocation.report(report, lambda: _lines(report))
    return 0


def _lines(report: "BundleCreateReport") -> list[str]:
    held = counted(len(report.plugins), "plugin")
    if report.indexes:
        held += ", and what " + ("its index says" if len(report.indexes) == 1 else "their indexes say")
    return [
        f"{style(CHECK, fg='green')} wrote {neutral(report.file)}: {held} ({counted(report.size, 'byte')})",
        f"  {report.sha256}",
        *_code_lines(report),
        *note_lines(report.notes),
    ]


def _code_lines(report: "BundleCreateReport") -> list[str]:
    code = report.compiled
    if code is None:
        return []
    size = counted(code.size, "byte")
    return [f"  compiled for {code.platform}: {counted(code.plugins, 'plugin')} ({size}), by {code.maker}"]
