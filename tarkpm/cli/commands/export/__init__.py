"""The group ``tarkpm export``: write releases in the formats of other tools."""

import click

from tarkpm.cli.lazy_group import LazyGroup

SECTIONS = {"Export a release": ("sigstore",)}


@click.group("export", cls=LazyGroup, package=__name__, sections=SECTIONS)
def export_command() -> None:
    """Write a release in the format of another tool."""
