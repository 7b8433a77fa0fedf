"""``tarkpm add``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.options import (
    Invocation,
    allow_http,
    common,
    consent,
    dry_run,
    keep_data,
    offline,
    yes,
)
from tarkpm.cli.rendering import taken_lines

if TYPE_CHECKING:
    from tarkpm.core.policy import Answers


@click.command("add")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--tag", default="", help="Take this tag.")
@click.option("-b", "--branch", default="", help="Take the head of this branch.")
@click.option("--rev", default="", help="Take this commit (40 hexadecimal digits).")
@click.option("--path", default="", help="The plugin's folder inside the repository.")
@consent
@click.option("--adopt", is_flag=True, help="Put a folder aside that was put there by hand.")
@yes
@keep_data
@offline
@allow_http
@dry_run
@common
def add_command(
    invocation: Invocation,
    sources: tuple[str, ...],
    answers: "Answers",
    tag: str,
    branch: str,
    rev: str,
    path: str,
) -> int:
    """Add plugins from an index, from git or a folder.

    SOURCE is a name in an index ([INDEX:]NAME[@RANGE]), a URL (https://…, ssh://…, git@host:owner/repo,
    file://…), github:owner/repo[/folder], or a folder (./mine).
    """
    from tarkpm.ops.add import add
    from tarkpm.ops.change.source_args import read_source_args

    settings, read = read_source_args(
        invocation.settings, sources, tag=tag, branch=branch, rev=rev, path=path
    )
    report = add(settings, invocation.ui, read, answers)
    invocation.report(report, lambda: taken_lines(report, dry_run=settings.dry_run))
    return 0
