"""Reports as text."""

from typing import TYPE_CHECKING

from tarkpm.cli.console import one_line_each, style, table
from tarkpm.core.text import neutral

if TYPE_CHECKING:  # a report's module is imported by the command that makes it
    from tarkpm.ops.audit.plugin import Finding
    from tarkpm.ops.change.grants import GrantReport
    from tarkpm.ops.change.report import Taken, TakeReport
    from tarkpm.ops.info import Info
    from tarkpm.ops.list import ListReport
    from tarkpm.ops.release.listing import Row
    from tarkpm.ops.remove import RemoveReport
    from tarkpm.ops.sync import SyncReport
    from tarkpm.ops.verify import VerifyReport

CHECK, CROSS = "✓", "✗"
_STATUS = {"enabled": "green", "disabled": "red", "revoked": "red"}
_MARKS = {"enabled": CHECK, "disabled": CROSS, "revoked": CROSS}


def taken_lines(report: "TakeReport", *, dry_run: bool, locked: bool = False) -> list[str]:
    """What add and update say, and lock, which installs nothing."""
    lines = []
    for plugin in report.plugins:
        if plugin.change == "unchanged":
            lines.append(f"{plugin.name} {plugin.version} is unchanged")
        else:
            at = f" at {plugin.commit[:12]}" if plugin.commit else ""
            done = "locked" if locked else plugin.change
            verb = f"would be {done}" if dry_run else done
            lines.append(f"{style(CHECK, fg='green')} {verb} {plugin.name} {plugin.version}{at}")
            lines += _before_line(plugin)
    return [*lines, *note_lines(report.notes)]


def _before_line(plugin: "Taken") -> list[str]:
    """What it was before, if it was there, and what it gains and loses."""
    if plugin.previous is None:
        return []
    was = plugin.previous
    parts = [f"was {was.version}" + (f" at {was.commit[:12]}" if was.commit else "")]
    parts += [f"signer was {was.signer}"] if was.signer and was.signer != plugin.signer else []
    parts += [f"gains {', '.join(plugin.gained)}"] if plugin.gained else []
    parts += [f"loses {', '.join(plugin.lost)}"] if plugin.lost else []
    return [f"    {neutral('; '.join(parts))}"]


def synced_lines(report: "SyncReport", *, dry_run: bool) -> list[str]:
    """What sync says."""
    would = "would be " if dry_run else ""
    lines = [f"{style('+', fg='green')} {would}installed {name}" for name in report.installed]
    lines += [f"{style('-', fg='red')} {would}removed {name}" for name in report.removed]
    if not lines:
        count = len(report.unchanged)
        lines = [f"{count} plugin{'s are' if count != 1 else ' is'} in line with tark.lock"]
    return [*lines, *note_lines(report.notes)]


def removed_lines(report: "RemoveReport", *, dry_run: bool) -> list[str]:
    """What remove says."""
    would = "would be " if dry_run else ""
    lines = [f"{style('-', fg='red')} {would}removed {name}" for name in report.removed]
    lines += [
        f"its data is kept in {folder}; to delete it: tarkpm remove {folder.rpartition('/')[2]} --purge"
        for folder in report.data_kept
    ]
    lines += [f"its data {would}deleted: {folder}" for folder in report.data_deleted]
    return [*lines, *note_lines(report.notes)]


def list_lines(report: "ListReport") -> list[str]:
    """The table of `tarkpm list`."""
    header = ("ID", "Version", "Type", "Status", "Signer", "Description")
    rows = [
        (row.id, row.version, row.type, _status(row.status), short_key(row.signer), _cut(row.description))
        for row in report.plugins
    ]
    lines = one_line_each(table(header, [tuple(neutral(cell) for cell in row) for row in rows]))
    if not rows and report.type:
        lines = [f"No {report.type} plugins installed."]
    elif not rows:
        lines = ["No plugins installed.", "", "Add one with:", "  tarkpm add <git-url>"]
    lines = [style(lines[0], bold=True), *map(_colored, lines[1:])] if rows else lines
    return [*lines, "", f"Plugins directory: {neutral(report.directory)}", *note_lines(report.notes)]


def _status(status: str) -> str:
    return f"{_MARKS.get(status, '!')} {status}"


def _colored(line: str) -> str:
    for status, color in _STATUS.items():
        mark = f"{_MARKS[status]} {status}"
        if mark in line:
            return line.replace(mark, style(mark, fg=color), 1)
    return line


def _cut(text: str) -> str:
    return text if len(text) <= 48 else text[:47] + "…"


def short_key(signer: str) -> str:
    """A key short enough for a table; other texts as they are."""
    return signer[:16] + "…" if signer.startswith("ed25519:") else signer


def info_lines(info: "Info") -> list[str]:
    """The page of `tarkpm info`."""
    fields = [
        ("Name", info.name),
        ("Version", info.version),
        ("Type", info.type),
        ("ABI", "older tark ABI (core module)" if info.abi == "older tark ABI" else ""),
        ("Status", _status(info.status)),
        ("Description", info.description),
        ("Author", info.author),
        ("Homepage", info.homepage),
        ("License", info.license),
        ("Needs tark", info.min_tark_version),
        ("Requires", ", ".join(info.requires)),
        ("Source", info.source),
        ("Commit", info.commit),
        ("Signer", info.signer),
        ("Sign-in", "; ".join(info.sign_in)),
        ("Contributes", "; ".join(info.contributes)),
        ("Activation", "; ".join(info.activation)),
    ]
    lines = [f"{label + ':':<13} {neutral(value)}" for label, value in fields if value]
    return [*lines, "", "Capabilities", *_capability_lines(info), "", "Paths", *_path_lines(info)]


def _capability_lines(info: "Info") -> list[str]:
    """A row for each capability: what is declared, whether the module imports its kind, what is granted."""
    from tarkpm.core.capability import KINDS, SIGN_IN, Capability, CapabilitySet

    granted = CapabilitySet.of(map(Capability.parse, info.granted))
    rows = []
    for text in info.declared:
        capability = Capability.parse(text)
        held = CHECK if granted.covers(CapabilitySet.of([capability])) else CROSS
        imported = CHECK if capability.kind in info.imported else CROSS
        rows.append((neutral(text), "" if capability.kind in SIGN_IN else imported, held))
    declared = {text.partition(":")[0] for text in info.declared}
    rows += [
        (f"{kind} (not declared)", CHECK, CROSS)
        for kind in KINDS
        if kind in info.imported and kind not in declared
    ]
    rows += [(f"{neutral(key, limit=80)} (unknown)", "", CROSS) for key in info.unknown_capabilities[:100]]
    rows += [
        (f"read {neutral(path, limit=80)} (not below your home)", "", CROSS) for path in info.foreign_reads
    ]
    return [f"  {line}" for line in table(("Declared", "Imported", "Granted"), rows)] if rows else ["  none"]


def _path_lines(info: "Info") -> list[str]:
    return [
        f"  {label + ':':<9} {neutral(value)}"
        for label, value in (("Install", info.install), ("WASM", info.wasm), ("Data", info.data))
    ]


def enabled_line(row: "Row", *, dry_run: bool) -> str:
    """What enable and disable say."""
    if dry_run:
        return f"nothing was changed; {row.id} is {row.status}"
    return f"{_colored(_status(row.status))} {row.id}"


def grant_lines(report: "GrantReport", *, dry_run: bool) -> list[str]:
    """What grant and revoke say."""
    name, would = report.name, " would be" if dry_run else " is"
    lines = [f"{style('+', fg='green')} {name}{would} allowed {text}" for text in report.added]
    lines += [f"{style('-', fg='red')} {name}{would} no longer allowed {text}" for text in report.removed]
    return [*lines, f"{name}{would} granted: {', '.join(report.granted) or 'nothing'}"]


def verify_lines(report: "VerifyReport") -> list[str]:
    """The report of `tarkpm verify`."""
    lines = [_finding_line(finding) for finding in report.findings]
    problems = sum(not finding.note for finding in report.findings)
    size = f"{report.files} file{'s' if report.files != 1 else ''}, {report.bytes:,} bytes"
    if problems:
        found = f"{problems} finding{'s' if problems != 1 else ''}"
        return [
            *lines,
            style(f"{CROSS} {found}", fg="red") + f" ({len(report.verified)} verified; {size})",
        ]
    count = len(report.verified)
    return [
        *lines,
        style(f"{CHECK} {count} plugin{'s' if count != 1 else ''} verified", fg="green") + f" ({size})",
    ]


def _finding_line(finding: "Finding") -> str:
    mark = style("note:", fg="cyan") if finding.note else style("problem:", fg="red")
    name = f"{finding.plugin}: " if finding.plugin and f"'{finding.plugin}'" not in finding.message else ""
    text = f"{mark} {neutral(name + finding.message)}"
    if finding.where:
        text += f"\n  where: {neutral(finding.where)}"
    if finding.hint:
        text += f"\n  help: {neutral(finding.hint)}"
    return text


def note_lines(notes: tuple[str, ...]) -> list[str]:
    """Notes below a report."""
    return [f"{style('note:', fg='cyan')} {neutral(text)}" for text in notes]
