"""Which command was typed: the words of the command line that are names of commands, and no values."""

from collections.abc import Sequence

import click


def typed_command(group: click.Group, arguments: Sequence[str]) -> list[str]:
    """Return the words that lead to the typed command, such as ``["index", "rotate", "root"]``.

    The value of an option may be spelled like a command, so options are read as their command reads them.
    """
    words: list[str] = []
    # With its own settings: a command keeps the first help option that is made for it.
    context, command = click.Context(group, info_name="tarkpm", **group.context_settings), group
    rest = iter(arguments)
    for word in rest:
        if word == "--":
            break
        if word.startswith("-"):
            if _takes_next(command, word):
                next(rest, None)
            continue
        found = command.get_command(context, word)
        if found is None:
            break
        words.append(word)
        if not isinstance(found, click.Group):
            break
        context, command = click.Context(found, context, info_name=word), found
    return words


def _takes_next(command: click.Command, word: str) -> bool:
    """Return whether an option takes the next word as its value."""
    options = (param for param in command.params if isinstance(param, click.Option))
    return any(word in one.opts and not one.is_flag and not one.count for one in options)
