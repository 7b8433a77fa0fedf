"""Groups of commands: they suggest what was meant, and import a command's module when it is used."""

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import click

from tarkpm.cli.checked import CheckedGroup
from tarkpm.core.text import without_login
from tarkpm.errors import TarkError

MAX_HELP: Final = 200
"""Longest first sentence of a command's help."""


class Group(CheckedGroup):
    """A group that suggests the command that was meant by a name it does not have."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that ``args`` begin with. Raises `TarkError` if there is none."""
        if args and args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            from tarkpm.cli.suggestions import meant

            shown = without_login(args[0])  # a URL with a password may stand where the command is missing
            hint = meant(ctx, self, args)
            raise TarkError(f"there is no command '{shown}'", where=ctx.command_path, hint=hint)
        return super().resolve_command(ctx, args)

    def described(self, ctx: click.Context, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return commands with the first sentence of their help, which is wrapped and not cut."""
        commands = [(name, self.get_command(ctx, name)) for name in names]
        return [(name, command.get_short_help_str(limit=MAX_HELP)) for name, command in commands if command]

    def commands_by_section(self, ctx: click.Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """Yield the one section of an ordinary group."""
        yield "Commands", self.described(ctx, self.list_commands(ctx))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section."""
        sections = list(self.commands_by_section(ctx))
        # One width for all sections, so that the descriptions stand in one column.
        width = max(len(name) for _, rows in sections for name, _ in rows)
        for title, rows in sections:
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


class LazyGroup(Group):
    """A group whose command ``NAME`` is ``NAME_command`` in the module ``NAME`` of ``package``.

    A hyphen in a command's name is an underscore in its module's.
    ``sections`` are the names by the title under which ``--help`` lists them.
    """

    def __init__(
        self, *args: Any, package: str, sections: Mapping[str, Sequence[str]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.package, self.sections = package, sections
        self.names = tuple(name for names in sections.values() for name in names)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of ``sections``, not sorted."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command and return the command, with its examples."""
        if cmd_name not in self.names:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"{self.package}.{name}"), f"{name}_command")
        assert isinstance(command, click.Command)
        if command.epilog is None:
            from tarkpm.cli.examples import epilog

            command.epilog = epilog(f"{ctx.command_path} {cmd_name}".partition(" ")[2])
        return command

    def commands_by_section(self, ctx: click.Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """Yield the sections, each with its commands and their help."""
        for title, names in self.sections.items():
            yield title, self.described(ctx, names)
