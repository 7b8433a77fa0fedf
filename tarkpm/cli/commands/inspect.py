"""``tarkpm inspect``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import files
from tarkpm.cli.console import style
from tarkpm.cli.git_options import git_ref
from tarkpm.cli.options import Invocation, allow_http, common, offline
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.change.source_args import GitRef
    from tarkpm.ops.inspect import InspectReport, SurfaceEntry


@click.command("inspect", cls=CheckedCommand)
@click.argument("file", shell_complete=files)
@git_ref
@offline
@allow_http
@common
def inspect_command(invocation: Invocation, file: str, ref: "GitRef") -> int:
    """Show the imports and exports of a WebAssembly file.

    FILE may also be a plugin, as `tarkpm info` takes it: a name, a URL or a folder. Imports and exports
    are shown with their types, and with the plugin types that the module fits. The module is not run.
    """
    from tarkpm.ops.inspect import inspect

    report = inspect(invocation.settings, invocation.ui, file, ref)
    invocation.report(report, lambda: inspect_lines(report))
    return 0


MAX_SHOWN = 500


def inspect_lines(report: "InspectReport") -> list[str]:
    """Return the output of `tarkpm inspect`."""
    kind = "component" if report.kind == "component" else "core module"
    lines = [
        f"File:     {neutral(report.path)}",
        f"Kind:     {kind}, {report.size:,} bytes",
        f"SHA-256:  {report.sha256}",
        f"ABI:      {report.abi or 'none of tark'}",
        f"Uses:     {', '.join(report.interfaces) or 'no interface of tark'}",
        f"Fits:     {', '.join(report.fits) or 'no plugin type'}",
    ]
    if not report.fits:
        lines += [
            f"  {', '.join(kinds)}: {neutral(why)}" for why, kinds in _by_reason(report.misfits).items()
        ]
    for title, entries in (("Imports", report.imports), ("Exports", report.exports)):
        lines += ["", title, *(line for entry in entries for line in _entry_lines(entry))]
        if not entries:
            lines.append("  none")
    return lines


def _by_reason(misfits: dict[str, str]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for kind, why in misfits.items():
        reasons.setdefault(why, []).append(kind)
    return reasons


def _entry_lines(entry: "SurfaceEntry") -> list[str]:
    """Return an import or export and its members; those of WASI, long and well known, are only counted."""
    head = f"  {neutral(entry.name, limit=MAX_SHOWN)}"
    if entry.type or entry.kind not in ("interface", "module"):
        head += f": {neutral(entry.type or entry.kind, limit=MAX_SHOWN)}"
    if not entry.known:
        head += style("  unknown to tarkpm", fg="yellow")
    if entry.name.startswith("wasi:"):
        return [f"{head}  {len(entry.members)} in it"]
    inside = [*entry.types.items(), *entry.members.items()]
    return [
        head,
        *(f"    {neutral(name, limit=200)}: {neutral(text, limit=MAX_SHOWN)}" for name, text in inside),
    ]
