"""The group ``tarkpm index``: the indexes a project uses, and an index itself for those who maintain it."""

import click

from tarkpm.cli.lazy import LazyGroup

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


@click.group("index", cls=LazyGroup, modules=COMMANDS)
def index_command() -> None:
    """Use community indexes, or maintain one."""
