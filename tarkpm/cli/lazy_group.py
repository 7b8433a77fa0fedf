"""A group of commands whose modules are imported when a command is used."""

import importlib
from collections.abc import Sequence
from typing import Any

import click

from tarkpm.cli.checked import CheckedGroup


class LazyGroup(CheckedGroup):
    """A group whose command ``NAME`` is ``NAME_command`` in the module ``NAME`` of ``package``."""

    def __init__(self, *args: Any, package: str, names: Sequence[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.package, self.names = package, names

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of ``names``, not sorted."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of a command and return the command."""
        if cmd_name not in self.names:
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command
