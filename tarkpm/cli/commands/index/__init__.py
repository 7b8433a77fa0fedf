"""The group ``tarkpm index``: manage the indexes of a project, or maintain an index."""

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
    "status",
    "serve",
)


@click.group("index", cls=LazyGroup, package=__name__, names=COMMANDS)
def index_command() -> None:
    """Use community indexes, or maintain one."""
