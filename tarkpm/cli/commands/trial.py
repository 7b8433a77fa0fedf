"""``tarkpm trial``."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common, read_capability
from tarkpm.cli.rendering import print_log
from tarkpm.cli.text_args import folder, read_json
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.core.capability import Capability
    from tarkpm.core.case import Case
    from tarkpm.host.imports.log import LogLine
    from tarkpm.ops.author.recording import AskedFor
    from tarkpm.ops.trial import TrialReport


@click.command("trial", cls=CheckedCommand)
@click.argument("directory", metavar="DIR")
@click.argument("tool", default="")
@click.argument("arguments", default="{}", metavar="[JSON | - | @FILE]")
@click.option(
    "--allow",
    multiple=True,
    metavar="CAPABILITY",
    callback=lambda _context, _option, texts: tuple(map(read_capability, texts)),
    help="Really do what CAPABILITY covers.",
)
@click.option(
    "--case",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Make the call of a test case instead, for plugins of other types.",
)
@click.option("--exact", is_flag=True, help="Also remove capabilities that the call did not ask for.")
@click.option("--write", is_flag=True, help="Change plugin.toml instead of printing a patch.")
@common
def trial_command(
    invocation: Invocation,
    directory: str,
    tool: str,
    arguments: str,
    file: Path | None,
    allow: "tuple[Capability, ...]",
    exact: bool,
    write: bool,
) -> int:
    """Show what a tool asks for, and what to declare for it.

    The plugin in DIR is called by a host that notes every host call and denies it, but for a storage of its
    own; --allow lets some happen. The result is a patch of plugin.toml.
    """
    from tarkpm.ops.trial import trial

    _check_one(directory, tool, file)
    ui = invocation.ui

    def log(line: "LogLine") -> None:
        ui.busy("")  # otherwise the line would be written behind it
        print_log(line)

    report = trial(
        invocation.settings,
        ui,
        folder(directory),
        _case(tool, arguments, file),
        allow=allow,
        exact=exact,
        write=write,
        log=log,
        show=lambda asked: ui.say(_asked_line(asked)),
    )
    invocation.report(report, lambda: list(trial_lines(report)))
    return 1 if report.error else 0


def _check_one(directory: str, tool: str, file: Path | None) -> None:
    """Raise `UsageError` unless there is either a tool or a case."""
    if tool and file:
        raise click.UsageError(f"expected TOOL or --case, found both '{tool}' and '{file}'")
    for place, found in ((".", directory), (directory, tool)):
        if file is None and found.endswith(".toml") and Path(found).is_file():
            again = shlex.join(("tarkpm", "trial", place, "--case", found))
            raise click.UsageError(f"expected DIR and TOOL, found the file '{found}': {again}")
    if not tool and not file:
        raise click.UsageError("expected TOOL or --case, found none")


def _case(tool: str, arguments: str, file: Path | None) -> "Case":
    from tarkpm.core.case import MAX_CASE, Case, parse_case
    from tarkpm.ops.run.json_text import check_json

    if file is None:
        text = read_json(arguments, "the arguments are")
        check_json(text)
        return Case(call=tool, arguments=text)
    from tarkpm.io.files import read_file

    return parse_case(read_file(file, MAX_CASE), where=str(file))


def _asked_line(asked: "AskedFor") -> str:
    color = {"denied": "red", "allowed": "yellow"}.get(asked.outcome, "cyan")
    return f"{style(asked.outcome, fg=color)} {neutral(str(asked.capability))}: {asked.first}"


def trial_lines(report: "TrialReport") -> Iterator[str]:
    """Yield the output of `tarkpm trial`: the tool's answer, what it needs, and the patch."""
    said = f"failed: {report.error}" if report.error else report.output
    yield f"{neutral(report.tool or report.plugin)}: {neutral(said, limit=500)}"
    yield f"asked for: {', '.join(report.smallest) or 'nothing'}"
    if report.unused:
        yield f"declared, and not asked for in this call: {', '.join(report.unused)}"
    if not report.patch:
        if report.smallest or not report.error:
            yield f"plugin.toml declares what the call {'asked for' if report.error else 'needs'}"
    elif report.written:
        yield "wrote plugin.toml"
    if report.next:
        yield f"go on with: {neutral(report.next)}"
    if report.patch:
        yield ""
        yield neutral(report.patch.rstrip("\n"), keep="\n\t\r")
