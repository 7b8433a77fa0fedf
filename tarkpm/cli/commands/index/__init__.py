"""The group ``tarkpm index``: manage the indexes of a project, or maintain an index."""

import click

from tarkpm.cli.lazy_group import LazyGroup

SECTIONS = {
    "Use indexes": ("add", "list", "remove"),
    "Maintain an index": (
        "create",
        "claim",
        "countersign",
        "revoke",
        "rotate",
        "accept",
        "yank",
        "advise",
        "refresh",
        "check",
        "log",
        "status",
        "serve",
        "site",
    ),
}


@click.group("index", cls=LazyGroup, package=__name__, sections=SECTIONS)
def index_command() -> None:
    """Use community indexes, or maintain one."""
