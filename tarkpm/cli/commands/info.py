"""``tarkpm info``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import plugin_names
from tarkpm.cli.git_options import git_ref
from tarkpm.cli.offer import offer_lines, rebuilt_text
from tarkpm.cli.options import Invocation, allow_http, common, offline
from tarkpm.cli.rendering import CHECK, CROSS, log_text, status_text
from tarkpm.cli.tables import table
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.change.source_args import GitRef
    from tarkpm.ops.info import Info

MAX_UNKNOWN = 100


@click.command("info", cls=CheckedCommand)
@click.argument("plugin", shell_complete=plugin_names)
@git_ref
@offline
@allow_http
@common
def info_command(invocation: Invocation, plugin: str, ref: "GitRef") -> int:
    """Show the details of a plugin, installed or not.

    PLUGIN is a name, [INDEX:]NAME[@RANGE], a git URL, oci://host/repository or a folder (./mine), as `tarkpm
    add` takes it. Of what is not installed, the release is fetched and verified. It is not run.
    """
    from tarkpm.ops.info import Info, info

    report = info(invocation.settings, invocation.ui, plugin, ref)
    invocation.report(report, lambda: info_lines(report) if isinstance(report, Info) else offer_lines(report))
    return 0


def info_lines(info: "Info") -> list[str]:
    """Return the output of `tarkpm info`."""
    fields = [
        ("Name", info.name),
        ("Version", info.version),
        ("Type", info.type),
        ("ABI", "older tark ABI (core module)" if info.abi == "older tark ABI" else ""),
        ("Status", status_text(info.status)),
        ("Description", info.description),
        ("Author", info.author),
        ("Homepage", info.homepage),
        ("License", info.license),
        ("Needs tark", info.min_tark_version),
        ("Requires", ", ".join(info.requires)),
        ("Tools", "not pinned: agents are not offered them" if info.unpinned else ""),
        ("Source", info.source),
        ("Commit", info.commit),
        ("Manifest", info.digest),
        ("Signer", info.signer),
        ("Rebuilt", rebuilt_text(info.rebuilt_by, info.rebuilt_otherwise_by)),
        ("Log", log_text(info.log)),
        ("Sign-in", "; ".join(info.sign_in)),
        ("Contributes", "; ".join(info.contributes)),
        ("Activation", "; ".join(info.activation)),
    ]
    lines = [f"{label + ':':<13} {neutral(value)}" for label, value in fields if value]
    uses = [
        f"  {neutral(one.capability)}: {counted(one.count, 'time')}, last on {one.last}" for one in info.uses
    ]
    used = ["", "Used", *uses] if uses else []
    return [*lines, "", "Capabilities", *_capability_lines(info), *used, "", "Paths", *_path_lines(info)]


def _capability_lines(info: "Info") -> list[str]:
    """Return a row per capability: declared, whether the module imports its kind, whether granted."""
    from tarkpm.core.capability import KINDS, OWN_TABLE, Capability, CapabilitySet

    granted = CapabilitySet.of(map(Capability.parse, info.granted))
    rows = []
    for text in info.declared:
        capability = Capability.parse(text)
        held = CHECK if granted.covers(CapabilitySet.of([capability])) else CROSS
        bound = [one.name for one in granted.narrow(CapabilitySet.of([capability])).secrets()]
        if bound:  # a secret is granted by a narrower capability, which says which of the user's it is
            held = f"{CHECK} {', '.join(bound)}"
        imported = CHECK if capability.kind in info.imported else CROSS
        rows.append((neutral(text), "" if capability.kind in OWN_TABLE else imported, held))
    declared = {text.partition(":")[0] for text in info.declared}
    rows += [
        (f"{kind} (not declared)", CHECK, CROSS)
        for kind in KINDS
        if kind in info.imported and kind not in declared
    ]
    rows += [
        (f"{neutral(key, limit=80)} (unknown)", "", CROSS) for key in info.unknown_capabilities[:MAX_UNKNOWN]
    ]
    if (more := len(info.unknown_capabilities) - MAX_UNKNOWN) > 0:
        rows.append((f"… ({more:,} more unknown)", "", CROSS))
    rows += [
        (f"read {neutral(path, limit=80)} (not below your home)", "", CROSS) for path in info.foreign_reads
    ]
    return [f"  {line}" for line in table(("Declared", "Imported", "Granted"), rows)] if rows else ["  none"]


def _path_lines(info: "Info") -> list[str]:
    return [
        f"  {label + ':':<9} {neutral(value)}"
        for label, value in (("Install", info.install), ("WASM", info.wasm), ("Data", info.data))
    ]
