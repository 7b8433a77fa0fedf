"""``tarkpm chat``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.collector import collect_garbage
from tarkpm.cli.complete import provider_names
from tarkpm.cli.console import Console, echo, style
from tarkpm.cli.options import Invocation, running_folders
from tarkpm.cli.rendering import print_call_log, print_log
from tarkpm.cli.text_args import read_prompt, target
from tarkpm.core.text import neutral
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.ops.chat import ChatReport, ChatSession


@click.command("chat", cls=CheckedCommand)
@click.argument("plugin", shell_complete=provider_names)
@click.argument("prompt", default="")
@click.option("--model", default="", metavar="NAME", help="Model. [default: the plugin's first]")
@click.option("--system", default="", metavar="TEXT", help="System prompt.")
@click.option("--models", "only_models", is_flag=True, help="List the models and exit.")
@running_folders
def chat_command(
    invocation: Invocation, plugin: str, prompt: str, model: str, system: str, only_models: bool
) -> int:
    """Talk to a model through a provider plugin.

    PROMPT gets one answer; - reads it from standard input. Without PROMPT, a terminal starts a conversation;
    elsewhere the models are listed.
    """
    from tarkpm.ops.chat import open_conversation

    collect_garbage()
    settings, ui = invocation.settings, invocation.ui
    text = read_prompt(prompt)
    with open_conversation(
        settings, ui, target(plugin), model=model, system=system, log=print_call_log if prompt else print_log
    ) as talk:
        if only_models or (not prompt and (invocation.json or not ui.interactive)):
            models = talk.models()
            invocation.report({"models": models}, lambda: model_lines(models))
        elif prompt:
            report = talk.ask(text)
            invocation.report(report, lambda: chat_lines(report))
        else:
            _converse(ui, talk)
    return 0


def _converse(ui: Console, talk: "ChatSession") -> None:
    """Converse at a terminal until an empty line or the end of input."""
    from tarkpm.ops.chat import MAX_TURNS

    for line in model_lines(talk.models(), chosen=talk.model):
        ui.say(line)
    ui.say("Enter an empty line to quit.")
    noted = False
    while question := ui.read("you: "):
        try:
            report = talk.ask(question)
        except TarkError as problem:
            ui.note(problem.message)
            continue
        for line in chat_lines(report):
            echo(line)
        if talk.is_cut and not noted:
            noted = True
            ui.note(f"the conversation is longer than {MAX_TURNS} messages: its beginning is no longer sent")


def model_lines(models: list[str], *, chosen: str | None = None) -> list[str]:
    """Return the models, one per line; with ``chosen`` ("": the first) the selected one is marked."""
    if not models:
        return ["No models."]
    if chosen is None:
        return [neutral(name) for name in models]
    talked_to = chosen or models[0]
    return [f"{'*' if name == talked_to else ' '} {neutral(name)}" for name in models]


def chat_lines(report: "ChatReport") -> list[str]:
    """Return the answer and the tokens it used."""
    lines = [neutral(report.text, keep="\n\t")]
    if report.input_tokens is not None:
        used = f"{report.input_tokens} tokens in, {report.output_tokens} out"
        lines.append(style(f"({neutral(report.model)}; {used})", dim=True))
    return lines
