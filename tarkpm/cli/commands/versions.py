"""``tarkpm versions``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import plugin_names
from tarkpm.cli.console import style
from tarkpm.cli.git_options import git_ref
from tarkpm.cli.options import Invocation, allow_http, common, offline
from tarkpm.cli.tables import table
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.change.offered import VersionRow
    from tarkpm.ops.change.source_args import GitRef
    from tarkpm.ops.versions import VersionsReport


@click.command("versions", cls=CheckedCommand)
@click.argument("plugin", shell_complete=plugin_names)
@git_ref
@offline
@allow_http
@common
def versions_command(invocation: Invocation, plugin: str, ref: "GitRef") -> int:
    """List the releases of a plugin, newest first, installed or not.

    PLUGIN is a name, INDEX:NAME, a git URL or oci://host/repository. Of a repository, the tags that name
    versions are listed: with --tag, those with the same text before the version.
    """
    from tarkpm.ops.versions import versions

    report = versions(invocation.settings, invocation.ui, plugin, ref)
    invocation.report(report, lambda: _lines(report))
    return 0


def _lines(report: "VersionsReport") -> list[str]:
    if not report.versions:
        return [f"No tag of {neutral(report.source)} names a version."]
    if any(row.tag for row in report.versions):
        tags = [(row.version, neutral(row.tag), row.note) for row in report.versions]
        lines = table(("Version", "Tag", ""), tags, whole=("Version", "Tag"))
    else:
        lines = table(
            ("Version", "Published", "Needs tark", "Bytes", "Asks for", ""),
            list(map(_cells, report.versions)),
            whole=("Version",),
            prose=("",),
        )
    return [style(lines[0], bold=True), *lines[1:]]


def _cells(row: "VersionRow") -> tuple[str, ...]:
    asks = neutral(", ".join(row.capabilities))
    day = row.published[:10] or "-"
    return row.version, day, row.min_tark_version or "-", f"{row.size:,}", asks or "-", neutral(row.note)
