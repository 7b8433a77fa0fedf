"""The group ``tarkpm bundle``: carry a project's plugins to a machine without a network."""

import click

from tarkpm.cli.lazy_group import LazyGroup

SECTIONS = {"Commands": ("create", "inspect", "verify", "push")}


@click.group("bundle", cls=LazyGroup, package=__name__, sections=SECTIONS)
def bundle_command() -> None:
    """Carry plugins in one file to a machine without a network."""
