"""The page of all commands, from click's command tree."""

import inspect
from collections.abc import Iterator

import click

from docgen.markdown import anchor, block, code, link, page, table
from tarkpm.cli.examples import EXAMPLES
from tarkpm.cli.group import SECTIONS, group

EVERYWHERE = ("json", "project", "user", "accept_project", "verbose")
"""Options of every command, which one table shows."""


def root() -> click.Context:
    """Return the context of the program itself."""
    return click.Context(group, info_name="tarkpm", **group.context_settings)


def below(parent: click.Context) -> Iterator[click.Context]:
    """Yield the contexts of the commands of a group, in the order in which ``--help`` lists them."""
    assert isinstance(parent.command, click.Group)
    for name in parent.command.list_commands(parent):
        command = parent.command.get_command(parent, name)
        assert command is not None
        yield click.Context(command, parent=parent, info_name=name)


def everything(parent: click.Context) -> Iterator[click.Context]:
    """Yield the contexts of all commands below a group, each group before its commands."""
    for context in below(parent):
        yield context
        if isinstance(context.command, click.Group):
            yield from everything(context)


def render() -> str:
    """Return the page."""
    top = {context.info_name: context for context in below(root())}
    sections = [
        part
        for title, names in SECTIONS.items()
        for part in (f"## {title}", *(_command(top[name]) for name in names))
    ]
    return page("Commands", "the command line", _INTRODUCTION, _everywhere(), _contents(), *sections)


_INTRODUCTION = (
    "`tarkpm COMMAND --help` prints the same. [JSON output](../json.md), [exit codes](exit-codes.md) and "
    "[environment variables](environment.md) have pages of their own."
)


def _everywhere() -> str:
    shared = [param for param in group.params if param.name in (*EVERYWHERE, "offline")]
    note = (
        "They may also stand before the command: `tarkpm --project app list`. `--offline` works for every command "
        "that uses the network."
    )
    return f"## Options of every command\n\n{_options(root(), shared)}\n\n{note}"


def _contents() -> str:
    rows = ((_linked(context), _summary(context)) for context in below(root()))
    return f"## All commands\n\n{table(('command', 'what it does'), rows)}"


def _command(context: click.Context) -> str:
    level = "#" * (context.command_path.count(" ") + 2)
    parts = [f"{level} {context.command_path}", _help(context.command), _usage(context)]
    nested: list[str] = []
    if isinstance(context.command, click.Group):
        children = list(below(context))
        parts.append(table(("command", "what it does"), ((_linked(one), _summary(one)) for one in children)))
        nested = [_command(one) for one in children]
    own = [param for param in context.command.get_params(context) if _is_own(param)]
    parts.append(_options(context, own))
    if examples := EXAMPLES.get(context.command_path.partition(" ")[2]):
        parts.append("Examples:\n\n" + block("sh", "\n".join(examples)))
    return "\n\n".join(part for part in (*parts, *nested) if part)


def _is_own(param: click.Parameter) -> bool:
    # click gives arguments an empty description; the usage line shows them, and the text explains them
    return isinstance(param, click.Option) and param.name not in EVERYWHERE and "--help" not in param.opts


def _usage(context: click.Context) -> str:
    return block("", " ".join((context.command_path, *context.command.collect_usage_pieces(context))))


def _help(command: click.Command) -> str:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _summary(context: click.Context) -> str:
    return context.command.get_short_help_str(1_000)


def _linked(context: click.Context) -> str:
    path = context.command_path
    return link(code(path.partition(" ")[2]), f"#{anchor(path)}")


def _options(context: click.Context, params: list[click.Parameter]) -> str:
    records = filter(None, (param.get_help_record(context) for param in params))
    return table(("option", "what it does"), ((code(names), text) for names, text in records))
