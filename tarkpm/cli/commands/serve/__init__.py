"""The group ``tarkpm serve``: offer plugins to other programs of this machine."""

import click

from tarkpm.cli.lazy_group import LazyGroup

SECTIONS = {"Serve plugins": ("openai",)}


@click.group("serve", cls=LazyGroup, package=__name__, sections=SECTIONS)
def serve_command() -> None:
    """Offer plugins to other programs of this machine."""
