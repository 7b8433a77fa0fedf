"""``tarkpm mirror``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import Invocation, allow_http, common, offline, read_name
from tarkpm.cli.rendering import CHECK
from tarkpm.core.git_url import shown
from tarkpm.core.text import counted, neutral
from tarkpm.errors import Refused
from tarkpm.ops.project.user_config import CONFIG

if TYPE_CHECKING:
    from tarkpm.ops.mirror import MirrorReport
    from tarkpm.ops.mirror_oci import RegistryMirrorReport


@click.command("mirror", cls=CheckedCommand)
@click.argument("target", metavar="DIR|oci://HOST/PATH|oci:DIR")
@click.option("--index", metavar="NAME", help="Index of the project. [default: the only one]")
@click.option("--only-locked", is_flag=True, help="Copy only what tark.lock uses.")
@offline
@allow_http
@common
def mirror_command(invocation: Invocation, target: str, index: str | None, only_locked: bool) -> int:
    """Copy an index into DIR, or plugins of OCI registries elsewhere.

    Everything is verified as by a client. Serve DIR with any web server, or add it with its path: it has the
    same root. An interrupted copy goes on where it stopped, and until it is complete, clients of DIR see the
    index as it was.

    With oci://HOST/PATH or oci:DIR, it copies the plugins that tark.lock takes from registries to another
    registry, or to image layouts in a folder. Their manifests stay the same, and existing tags are never
    moved. It prints the lines that users of the copy add to [mirror].
    """
    from tarkpm.core.oci.mirror_target import is_target

    if is_target(target):
        return _registries(invocation, target, index)
    from tarkpm.ops.mirror import mirror

    name = read_name(index) if index else None
    report = mirror(invocation.settings, invocation.ui, Path(target), name, only_locked=only_locked)
    invocation.report(report, lambda: _lines(report))
    return 0


def _registries(invocation: Invocation, target: str, index: str | None) -> int:
    from tarkpm.ops.mirror_oci import mirror_registries, other_way

    if index is not None:
        text = "expected the folder of an index: registries serve plugins, not indexes"
        raise Refused(text, where=shown(target), hint=other_way(shown(target)))
    report = mirror_registries(invocation.settings, invocation.ui, target)
    for text in report.notes:
        invocation.ui.note(text)
    invocation.report(report, lambda: _registry_lines(report))
    return 0


def _registry_lines(report: "RegistryMirrorReport") -> list[str]:
    from tarkpm.core.document import inline

    new = sum(not one.existed for one in report.plugins)
    done = f"{new} new" if new else "nothing new"
    held = f"{neutral(report.target)} has {counted(len(report.plugins), 'plugin')} ({done})"
    rows = [f"  {neutral(one.reference)}" for one in report.plugins]
    lines = [f"{inline(canonical)} = {inline(mirror)}" for canonical, mirror in report.mirror.items()]
    users = f"  next     users add this to ~/.config/tarkpm/{CONFIG}:"
    return [f"{style(CHECK, fg='green')} {held}", *rows, users, "", "[mirror]", *lines]


def _lines(report: "MirrorReport") -> list[str]:
    held = f"{counted(report.plugins, 'plugin')}, {counted(report.releases, 'release')}"
    done = (
        f"{counted(report.files, 'new file')}, {counted(report.bytes, 'byte')}"
        if report.files
        else "nothing new"
    )
    return [
        f"{style(CHECK, fg='green')} {neutral(report.folder)} mirrors {report.index}: {held} ({done})",
        f"  root {report.root}",
    ]
