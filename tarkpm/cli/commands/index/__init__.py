"""The group ``tarkpm index``: the indexes a project uses, and an index itself for those who maintain it."""

import click

from tarkpm.cli.lazy_group import LazyGroup

COMMANDS = (
    "add",
    "list",
    "remove",
    "create",
    "claim",
    "countersign",
    "revoke",
    "rotate",
    "accept",
    "yank",
    "refresh",
    "check",
    "serve",
)


@click.group("index", cls=LazyGroup, package=__name__, names=COMMANDS)
def index_command() -> None:
    """Use community indexes, or maintain one."""
