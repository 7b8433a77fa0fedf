"""Suggest the command that the user meant."""

from collections.abc import Iterator, Sequence
from typing import Final

import click

from tarkpm.core.name_similarity import nearest

_MEANT: Final = {
    "delete": "remove",
    "freeze": "lock",
    "install": "sync",
    "login": "auth login",
    "logout": "auth logout",
    "ls": "list",
    "new": "init",
    "rm": "remove",
    "run": "call",
    "show": "info",
    "uninstall": "remove",
    "upgrade": "update",
    "version": "--version",
    "why": "tree --invert NAME",
}
"""Commands by the names that pip, npm, cargo and uv give them."""


def meant(ctx: click.Context, group: click.Group, typed: Sequence[str]) -> str:
    """Return the command line to try instead of ``typed``, whose first word is not a command of ``group``."""
    program, commands = ctx.command_path, group.list_commands(ctx)
    is_top = ctx.parent is None
    other_names = {name: line for name, line in _MEANT.items() if is_top or line in commands}
    near = _nearest(typed[0].lower(), commands, [*commands, *other_names])
    if near == "install" and typed[1:]:
        # npm, cargo and pip differ: with a name it adds, without one it installs what is locked.
        return f"{program} add SOURCE"
    if not near:
        return f"{program} --help"
    line = other_names.get(near, near)
    return " ".join((program, line, *_required(ctx, group, line.split())))


def _nearest(word: str, commands: Sequence[str], names: Sequence[str]) -> str:
    begun = [name for name in commands if name.startswith(word)]
    if word not in names and len(begun) == 1:
        return begun[0]
    return word if word in names else nearest(word, names)


def _required(ctx: click.Context, command: click.Command, words: Sequence[str]) -> Iterator[str]:
    """Yield what must follow ``words``: the required options and arguments of their command."""
    for word in words:
        found = command.get_command(ctx, word) if isinstance(command, click.Group) else None
        command = found or command
    for parameter in command.params:
        if parameter.required:
            name = parameter.make_metavar(ctx).rstrip(".")
            yield f"{parameter.opts[0]} {name}" if isinstance(parameter, click.Option) else name
