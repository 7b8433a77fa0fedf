"""The group ``tarkpm index``: the indexes a project uses, and an index itself for those who maintain it.

A command's module is imported when the command is used.
"""

import importlib

import click

COMMANDS = {
    "add": "index_use",
    "list": "index_use",
    "remove": "index_use",
    "create": "maintaining",
    "claim": "maintaining",
    "countersign": "maintaining",
    "revoke": "maintaining",
    "rotate": "maintaining",
    "accept": "keeping",
    "yank": "keeping",
    "refresh": "keeping",
    "check": "keeping",
    "serve": "keeping",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tarkpm.cli.{COMMANDS[cmd_name]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command


@click.group("index", cls=_Lazy)
def index_command() -> None:
    """Use community indexes, or maintain one."""
