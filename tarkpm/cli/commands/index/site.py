"""``tarkpm index site``."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.maintainer import desk
from tarkpm.cli.options import Invocation, common
from tarkpm.core.text import counted, neutral
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.ops.registry.site import SiteReport

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~:/%@\[\]-]+")


def _url(_: click.Context, option: click.Parameter, text: str | None) -> str:
    """Check a URL that was typed, and return it with a slash at its end; "" if none was."""
    if text is None:
        return ""
    try:
        parts = urlsplit(text)
        fits = (
            parts.scheme in ("http", "https") and bool(parts.netloc) and not (parts.query or parts.fragment)
        )
    except ValueError:
        fits = False
    # It becomes part of a command that people copy: nothing that a shell would read.
    if not fits or not _PLAIN.fullmatch(text):
        raise TarkError(f"expected a URL like https://example.com/, found {text!r}", where=option.opts[0])
    return text if text.endswith("/") else f"{text}/"


@click.command("site", cls=CheckedCommand)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Folder of the pages. Created if missing.",
)
@click.option(
    "--url", callback=_url, metavar="URL", help="Where the pages will be served, for links in feeds."
)
@click.option(
    "--index-url", callback=_url, metavar="URL", help="Where the index is served, for commands on the pages."
)
@click.option("--tools", is_flag=True, help="Run tool plugins without any capability, to list their tools.")
@common
def site_command(
    invocation: Invocation, folder: Path, output: Path, url: str, index_url: str, tools: bool
) -> int:
    """Write static pages of the index in DIR.

    They have search, a page for each plugin, feeds and llms.txt. They make no request to
    another server, and also work from a folder. After a release, only what changes is written.
    """
    from tarkpm.ops.registry.site import site

    report = site(desk(invocation, folder), output, url=url, index_url=index_url, tools=tools)
    invocation.report(report, lambda: list(_lines(report)))
    return 0


def _lines(report: "SiteReport") -> Iterator[str]:
    for one in report.problems:
        yield f"{style('warning:', fg='yellow')} {one.name}: {neutral(one.message)}"
    files = f"{counted(report.written, 'file')} written, {report.unchanged:,} unchanged"
    removed = f", {report.removed:,} removed" if report.removed else ""
    yield f"{style('✓', fg='green')} {counted(report.plugins, 'plugin')}: {files}{removed}"
    yield f"  open  {neutral(report.folder)}/index.html"
