"""``tarkpm add``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import sources
from tarkpm.cli.git_options import git_ref
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
    from tarkpm.core.consent import Answers
    from tarkpm.ops.change.source_args import GitRef


@click.command("add", cls=CheckedCommand)
@click.argument("sources", shell_complete=sources, nargs=-1, required=True, metavar="SOURCE...")
@git_ref
@consent
@click.option("--adopt", is_flag=True, help="Replace a folder that tarkpm did not install; a copy is kept.")
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
    ref: "GitRef",
) -> int:
    """Add plugins from an index, git, an OCI registry or a folder.

    SOURCE is a name in an index ([INDEX:]NAME[@RANGE]), a git URL (https://…, ssh://…, git@host:owner/repo,
    file://…), github:owner/repo[/folder], oci://host/repository[:TAG|@sha256:DIGEST], or a folder (./mine).
    RANGE is a version, which means exactly that version, or a range like ^1.2; TAG may be a range, too.
    [default: the newest version, and of an index ^ of it in tark.toml]
    """
    from tarkpm.ops.add import add
    from tarkpm.ops.change.source_args import read_source_args

    settings, read = read_source_args(invocation.settings, sources, ref)
    report = add(settings, invocation.ui, read, answers)
    invocation.report(report, lambda: taken_lines(report, dry_run=settings.dry_run))
    return 0
