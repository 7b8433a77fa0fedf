"""The commands that run plugins: call, tools, auth, chat, hook; and inspect, which only looks."""

import functools
import gc
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tarkpm.cli import ahead
from tarkpm.cli.anywhere import complete_names
from tarkpm.cli.console import Console, echo, style
from tarkpm.cli.options import Invocation, common, running
from tarkpm.cli.reading import read_json, read_prompt, target
from tarkpm.cli.running_text import (
    auth_lines,
    chat_lines,
    hook_lines,
    inspect_lines,
    model_lines,
    print_log,
    print_trace,
    tool_lines,
)
from tarkpm.core.text import neutral
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tarkpm.host.trace import HostCall, Trace
    from tarkpm.ops.chat import Conversation


@click.command("call")
@click.argument("plugin", shell_complete=complete_names)
@click.argument("tool")
@click.argument("arguments", default="{}", metavar="[JSON | - | @FILE]")
@click.option("--trace", is_flag=True, help="Show every host call, secrets masked.")
@click.option(
    "--record", type=click.Path(path_type=Path, dir_okay=False), help="Keep the host calls in a file."
)
@running
def call_command(
    invocation: Invocation, plugin: str, tool: str, arguments: str, trace: bool, record: Path | None
) -> int:
    """Run a tool of an installed plugin (or of ./folder) and print what it answers."""
    name, text = target(plugin), read_json(arguments, "the arguments are")
    from tarkpm.ops.call import call

    gc.enable()
    with ExitStack() as stack:
        traced = _tracer(stack, trace, record)
        spare = ahead.take()  # it loads wasmtime while this process finds out what to run
        report = call(
            invocation.settings,
            invocation.ui,
            name,
            tool,
            text,
            log=print_log,
            trace=traced,
            spare=spare,
        )
    invocation.output(report, report.output)
    return 0


def _tracer(stack: ExitStack, show: bool, record: Path | None) -> "Trace | None":
    """What is told of each host call: the terminal, a file, both, or nothing."""
    if not show and record is None:
        return None
    from tarkpm.host.trace import recorded

    file = stack.enter_context(record.open("wb")) if record else None

    def trace(call: "HostCall") -> None:
        if show:
            print_trace(call)
        if file:
            file.write(recorded(call))

    return trace


@click.command("tools")
@click.argument("plugin", shell_complete=complete_names, default="")
@running
def tools_command(invocation: Invocation, plugin: str) -> int:
    """List the tools of every enabled tool plugin, or of one."""
    from tarkpm.ops.tools import tools

    report = tools(invocation.settings, invocation.ui, target(plugin) if plugin else "", print_log)
    invocation.report(report, lambda: tool_lines(report))
    return 1 if report.failed else 0


@click.group("auth")
def auth_command() -> None:
    """Sign in and out through auth plugins."""


def about_a_plugin(group: click.Group, name: str) -> "Callable[[Callable[..., int]], click.Command]":
    """Make a command of ``group`` of a function that is given a plugin's name, or its folder."""

    def command(function: "Callable[..., int]") -> click.Command:
        @functools.wraps(function)
        def run(invocation: Invocation, plugin: str, **rest: Any) -> int:
            return function(invocation, target(plugin), **rest)

        named = click.argument("plugin", shell_complete=complete_names)
        return group.command(name)(named(running(run)))

    return command


@about_a_plugin(auth_command, "login")
@click.option("--no-browser", is_flag=True, help="Show the address, open nothing.")
@click.option("--client-id", default="", help="An OAuth client of your own instead of the plugin's.")
@click.option("--credentials", default="", metavar="FILE", help="Keep the tokens in this .json file, too.")
def login_command(
    invocation: Invocation, plugin: str, no_browser: bool, client_id: str, credentials: str
) -> int:
    """Sign in: opens the browser, or shows a code and where to enter it, and waits."""
    from tarkpm.cli.signing import Terminal
    from tarkpm.ops.auth import login

    settings, ui = invocation.settings, invocation.ui
    person = Terminal(ui, settings.environment, browser=not no_browser)
    report = login(
        settings, ui, plugin, log=print_log, person=person, client_id=client_id, credentials=credentials
    )
    invocation.report(
        report, lambda: [f"{style('✓', fg='green')} signed in with {neutral(report.display_name)}"]
    )
    return 0


@about_a_plugin(auth_command, "status")
def status_command(invocation: Invocation, plugin: str) -> int:
    """Say whether the plugin is signed in."""
    from tarkpm.ops.auth import status

    report = status(invocation.settings, invocation.ui, plugin, print_log)
    invocation.report(report, lambda: auth_lines(report))
    return 0


@about_a_plugin(auth_command, "token")
def token_command(invocation: Invocation, plugin: str) -> int:
    """Print the access token: for scripts; mind who sees it."""
    from tarkpm.ops.auth import token

    secret = token(invocation.settings, invocation.ui, plugin, print_log)
    invocation.report({"token": secret}, lambda: [neutral(secret)])
    return 0


@about_a_plugin(auth_command, "logout")
def logout_command(invocation: Invocation, plugin: str) -> int:
    """Have the plugin forget its credentials."""
    from tarkpm.ops.auth import logout

    report = logout(invocation.settings, invocation.ui, plugin, print_log)
    invocation.report(report, lambda: auth_lines(report))
    return 0


@click.command("chat")
@click.argument("plugin", shell_complete=complete_names)
@click.argument("prompt", default="")
@click.option("--model", default="", help="The model; the plugin's first without it.")
@click.option("--system", default="", help="What the model is told beforehand.")
@click.option("--models", "only_models", is_flag=True, help="List the models and stop.")
@running
def chat_command(
    invocation: Invocation, plugin: str, prompt: str, model: str, system: str, only_models: bool
) -> int:
    """Talk to a model: PROMPT for one answer, - to read it, nothing for a conversation at a terminal.

    Anywhere else, nothing lists the models.
    """
    from tarkpm.ops.chat import open_conversation

    gc.enable()
    settings, ui = invocation.settings, invocation.ui
    text = read_prompt(prompt)
    with open_conversation(settings, ui, target(plugin), model=model, system=system, log=print_log) as talk:
        if only_models or (not prompt and (invocation.json or not ui.interactive)):
            models = talk.models()
            invocation.report({"models": models}, lambda: model_lines(models))
        elif prompt:
            report = talk.ask(text)
            invocation.report(report, lambda: chat_lines(report))
        else:
            _converse(ui, talk)
    return 0


def _converse(ui: Console, talk: "Conversation") -> None:
    """Questions and answers at a terminal, until an empty line or the end of input."""
    for line in model_lines(talk.models(), chosen=talk.model):
        ui.say(line)
    ui.say("An empty line ends this.")
    while question := ui.read("you: "):
        try:
            report = talk.ask(question)
        except TarkError as problem:
            ui.note(problem.message)
            continue
        for line in chat_lines(report):
            echo(line)


@click.group("hook")
def hook_command() -> None:
    """Lifecycle events."""


@hook_command.command("run")
@click.argument("event")
@click.argument("payload", default="{}", metavar="[JSON | - | @FILE]")
@running
def run_command(invocation: Invocation, event: str, payload: str) -> int:
    """Fire an event to every enabled hook plugin, in order; prints the payload that comes out."""
    from tarkpm.ops.hook import run_hooks

    report = run_hooks(
        invocation.settings, invocation.ui, event, read_json(payload, "the payload is"), print_log
    )
    invocation.report(report, lambda: hook_lines(report))
    return 1 if report.stopped or any(one.action == "failed" for one in report.handled) else 0


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@common
def inspect_command(invocation: Invocation, file: Path) -> int:
    """Say what a WebAssembly file is, what it imports and exports, with types, and which plugin it can be.

    Nothing of it is run.
    """
    from tarkpm.ops.inspect import inspect_file

    report = inspect_file(invocation.settings, invocation.ui, file)
    invocation.report(report, lambda: inspect_lines(report))
    return 0
