"""Every command that a page names is one that the program has, with the options that it has there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from docgen.commands import root

ROOT = Path(__file__).parents[2]
OTHERS = ("decisions", "commands.md")
"""Decisions tell what was true once, and the page of commands is generated from them."""
PAGES = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "index").glob("*.md")),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if not {*page.parts} & {*OTHERS}),
]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`(tarkpm [^`]+)`")
LINE = re.compile(r"^(?:\w*\$ +)?(tarkpm .*)$", re.MULTILINE)
OPTION = re.compile(r"--?[a-z][a-z-]*")
FREE = {"--help", "--version", "-h"}


def named(text: str) -> list[str]:
    """The commands of a page: in code spans, and at the start of the lines of blocks."""
    blocks = "\n".join(block for language, block in FENCE.findall(text) if language != "toml")
    return SPAN.findall(FENCE.sub("", text)) + LINE.findall(re.sub(r"\\\n *", "", blocks))


def words(line: str) -> list[str]:
    """The words of a line up to a comment or a pipe; a text that is not for a shell is split at spaces."""
    line = re.split(r" [#|…] ?|;|\$\(", line)[0]
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def problem(line: str) -> str:
    """What is wrong with a command, "" if nothing is."""
    context = root()
    known = {option for param in context.command.params for option in param.opts}
    for word in words(line)[1:]:
        command = context.command
        if OPTION.fullmatch(name := word.partition("=")[0].partition("[")[0]):
            known |= {option for param in command.params for option in param.opts} | FREE
            if name not in known:
                return f"{context.command_path} has no {name}"
        elif isinstance(command, click.Group) and re.fullmatch("[a-z-]+", word):
            if (found := command.get_command(context, word)) is None:
                return f"{context.command_path} has no command {word}"
            context = click.Context(found, parent=context, info_name=word)
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_is_one_of_the_program(page: Path) -> None:
    lines = dict.fromkeys(named(page.read_text("utf-8")))
    assert {line: found for line in lines if (found := problem(line))} == {}


def test_the_check_finds_what_is_wrong() -> None:
    assert problem("tarkpm sync --reinstall --project app") == ""
    assert problem("tarkpm index frobnicate") == "tarkpm index has no command frobnicate"
    assert problem("tarkpm sync --upgrade x") == "tarkpm sync has no --upgrade"
