"""``tarkpm index``: the indexes a project uses, and an index itself for those who maintain it."""

import click

from tarkpm.cli import index_use


@click.group("index")
def index_command() -> None:
    """Use community indexes, or maintain one."""


for command in (index_use.add_command, index_use.list_command, index_use.remove_command):
    index_command.add_command(command)
