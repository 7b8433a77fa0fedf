"""``tarkpm call``."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.collector import collect_garbage
from tarkpm.cli.complete import tool_names, tool_plugin_names
from tarkpm.cli.console import is_verbose, style
from tarkpm.cli.options import Invocation, running_folders
from tarkpm.cli.rendering import print_call_log
from tarkpm.cli.text_args import read_json, target
from tarkpm.errors import HostError, PluginRaised

if TYPE_CHECKING:
    from tarkpm.host.trace import Trace, TracedCall

MAX_REPEATED = 200
"""Characters of arguments that a hint repeats."""


@click.command("call", cls=CheckedCommand)
@click.argument("plugin", shell_complete=tool_plugin_names)
@click.argument("tool", shell_complete=tool_names)
@click.argument("arguments", default="{}", metavar="[JSON | - | @FILE]")
@click.option("--trace", is_flag=True, help="Print every host call, with secrets masked.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the host calls to FILE, and keep the call for update --review.",
)
@running_folders
def call_command(
    invocation: Invocation, plugin: str, tool: str, arguments: str, trace: bool, record: Path | None
) -> int:
    """Run a tool of a plugin and print its output.

    PLUGIN is the name of an installed plugin, or a folder that contains one (./folder). A folder's plugin
    runs after you agreed, once, to what it declares.
    """
    name, text = target(plugin), read_json(arguments, "the arguments are")
    from tarkpm.ops.call import call

    collect_garbage()
    with ExitStack() as stack:
        traced = _tracer(stack, trace, record)
        with _helping_to_debug(plugin, tool, arguments, trace=trace):
            report = call(
                invocation.settings,
                invocation.ui,
                name,
                tool,
                text,
                log=print_call_log,
                trace=traced,
                keep=record is not None,
            )
    invocation.output(report, report.output)
    return 0


@contextmanager
def _helping_to_debug(plugin: str, tool: str, arguments: str, *, trace: bool) -> Iterator[None]:
    """Say how to see the traceback of an exception, or what the plugin did before it failed."""
    try:
        yield
    except HostError as problem:
        problem.hint = _next_look(problem, plugin, tool, arguments, trace=trace) or problem.hint
        raise


def _next_look(problem: HostError, plugin: str, tool: str, arguments: str, *, trace: bool) -> str:
    """Return the command that shows more of a failure; "" if there is none."""
    from tarkpm.core.release import names_folder

    is_exception = isinstance(problem, PluginRaised)
    look: tuple[str, ...] = ()
    if isinstance(problem, PluginRaised) and problem.traceback and not is_verbose():
        look = ("call", "-v")
    elif not is_exception and not problem.hint and not (trace and is_verbose()):
        look = ("call", "-v", "--trace")
    elif not problem.hint and ("/" in plugin or names_folder(plugin)):  # an installed one has `tarkpm info`
        look = ("trial",)
    if not look:
        return ""
    # The arguments that stand on the command line can be typed again: not those of standard input.
    if arguments == "-" or len(arguments) > MAX_REPEATED:
        return problem.hint or f"tarkpm {look[0]} --help"
    again = (arguments,) if arguments != "{}" else ()
    return shlex.join(("tarkpm", *look, plugin, tool, *again))


def _tracer(stack: ExitStack, show: bool, record: Path | None) -> "Trace | None":
    """Return what receives each host call: the terminal, a file, both, or None."""
    if not show and record is None:
        return None
    from tarkpm.host.trace import recorded

    file = stack.enter_context(record.open("wb")) if record else None

    def trace(call: "TracedCall") -> None:
        if show:
            print_trace(call)
        if file:
            file.write(recorded(call))

    return trace


def print_trace(call: "TracedCall") -> None:
    """Print a host call on stderr, with secrets masked."""
    from tarkpm.host.trace import shown

    click.echo(style(f"[{call.plugin}] {shown(call)}", dim=True), err=True)
