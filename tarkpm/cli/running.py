"""The commands that run plugins."""

import gc
import sys
from pathlib import Path

import click

from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, common, read_name
from tarkpm.core.text import neutral
from tarkpm.errors import TarkError
from tarkpm.host.imports.log import LogLine
from tarkpm.host.limits import Limits
from tarkpm.io.files import read_file

LEVELS = {"warn": "yellow", "error": "red"}


@click.command("call")
@click.argument("plugin")
@click.argument("tool")
@click.argument("arguments", default="{}", metavar="[JSON | - | @FILE]")
@common
def call_command(invocation: Invocation, plugin: str, tool: str, arguments: str) -> int:
    """Run a tool of an installed plugin and print what it answers."""
    from tarkpm.ops.call import call

    gc.enable()
    report = call(
        invocation.settings, invocation.ui, read_name(plugin), tool, read_arguments(arguments), print_log
    )
    invocation.report(report, lambda: [neutral(report.output, keep="\n\t")])
    return 0


def read_arguments(text: str) -> str:
    """The JSON text of an argument: itself, standard input for ``-``, a file for ``@FILE``."""
    limit = Limits().arguments
    if text == "-":
        data = sys.stdin.buffer.read(limit + 1)
    elif text.startswith("@"):
        data = read_file(Path(text[1:]), limit)
    else:
        return text
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise TarkError("the arguments are not UTF-8 text", where=text) from None


def print_log(line: LogLine) -> None:
    """Show a plugin's log line on stderr; debug lines are left out."""
    if line.level == "debug":
        return
    head = f"[tarkpm] {line.plugin}" if line.by_host else f"[{line.plugin}] {line.level}"
    text = f"{head}: {line.message}"
    click.echo(style(text, fg=LEVELS.get(line.level)), err=True)
