"""Lines that several commands print."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.console import is_verbose, style
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.host.imports.log import LogLine
    from tarkpm.ops.change.grants import GrantReport
    from tarkpm.ops.change.outlook import OutdatedRow
    from tarkpm.ops.change.report import Previous, Taken, TakeReport
    from tarkpm.ops.change.sync_change import SyncChange
    from tarkpm.ops.release.carried_code import BundledCode
    from tarkpm.ops.release.listing import PluginRow
    from tarkpm.ops.release.log_entry import LogEntry

LEVELS = {"warn": "yellow", "error": "red"}


def print_log(line: "LogLine") -> None:
    """Print a plugin's log line on stderr; debug lines and the plugin's output only with ``-v``."""
    if line.level == "debug" and not is_verbose():
        return
    head = f"[tarkpm] {line.plugin}" if line.by_host else f"[{line.plugin}] {line.stream or line.level}"
    click.echo(style(f"{head}: {line.message}", fg=LEVELS.get(line.level)), err=True)


def print_call_log(line: "LogLine") -> None:
    """Print a log line as `print_log`, for a command whose error shows the traceback anyway."""
    if not line.reported:
        print_log(line)


CHECK, CROSS = "✓", "✗"


_STATUS = {"enabled": "green", "disabled": "red", "revoked": "red"}


_MARKS = {"enabled": CHECK, "disabled": CROSS, "revoked": CROSS}


_PLAIN = {"added": "add", "replaced": "replace", "adopted": "adopt", "locked": "lock"}


def log_text(entry: "LogEntry | None") -> str:
    """Return what the log of an index says about a release, in words; "" without a log."""
    if entry is None:
        return ""
    from tarkpm.core.tlog.log import seen_text

    where = f"in the log of {entry.index}" if entry.index else "in the log"
    since = f"{where} since {entry.since[:10]}" if entry.since else where
    return f"{since}, entry {entry.entry:,}, {seen_text(len(entry.seen_by))}"


def taken_lines(report: "TakeReport", *, dry_run: bool, locked: bool = False) -> list[str]:
    """Return the output of add, update and, with ``locked``, of lock, which installs nothing."""
    lines = []
    for plugin in report.plugins:
        if plugin.change == "unchanged":
            lines.append(f"{plugin.name} {plugin.version} is unchanged" + _edit(plugin, dry_run=dry_run))
        else:
            at = at_revision(plugin)
            asks = f" (tark.toml: {plugin.range})" if plugin.range else ""
            done = "locked" if locked else plugin.change
            verb = f"would {_PLAIN[done]}" if dry_run else done
            lines.append(f"{style(CHECK, fg='green')} {verb} {plugin.name} {plugin.version}{at}{asks}")
            lines += _before_line(plugin)
    return [*lines, *note_lines((*report.notes, *map(str, report.waiting)))]


def at_revision(one: "Taken | Previous | OutdatedRow") -> str:
    """Return the commit or the manifest of a release, cut to the length that tells it from others."""
    revision = one.commit[:12] or one.digest[: len("sha256:") + 12]
    return f" at {revision}" if revision else ""


def _edit(plugin: "Taken", *, dry_run: bool) -> str:
    """Return what changed in tark.toml about a plugin that is itself unchanged."""
    if not plugin.edited:
        return ""
    if not plugin.range:
        return f"; tark.toml {'would be' if dry_run else 'is'} edited"
    return f"; tark.toml {'would require' if dry_run else 'now requires'} {plugin.range}"


def _before_line(plugin: "Taken") -> list[str]:
    """Return what an update replaced, gained and lost; nothing for a new plugin."""
    if plugin.previous is None:
        return []
    was = plugin.previous
    parts = [f"was {was.version}{at_revision(was)}"]
    parts += [f"signer was {was.signer}"] if was.signer and was.signer != plugin.signer else []
    parts += [f"gains {', '.join(plugin.gained)}"] if plugin.gained else []
    parts += [f"loses {', '.join(plugin.lost)}"] if plugin.lost else []
    return [f"    {neutral('; '.join(parts))}"]


def sync_change_line(change: "SyncChange") -> str:
    """Return what was done to one plugin's folder."""
    if not change.after:
        return f"{style('-', fg='red')} {change.name} {change.before}".rstrip()
    if not change.before:
        return f"{style('+', fg='green')} {change.name} {change.after}"
    if change.before == change.after:
        return f"{style('~', fg='yellow')} {change.name} {change.after} (installed again)"
    return f"{style('~', fg='yellow')} {change.name} {change.before} → {change.after}"


def status_text(status: str) -> str:
    """Return a plugin's status with its mark."""
    return f"{_MARKS.get(status, '!')} {status}"


def colored(line: str) -> str:
    """Color the status in a line of a table; padding was computed without escape sequences."""
    for status, color in _STATUS.items():
        mark = f"{_MARKS[status]} {status}"
        if mark in line:
            return line.replace(mark, style(mark, fg=color), 1)
    return line


def enabled_line(row: "PluginRow", *, dry_run: bool) -> str:
    """Return the output of enable and disable."""
    if dry_run:
        return f"nothing was changed; {row.id} is {row.status}"
    return f"{colored(status_text(row.status))} {row.id}"


def grant_lines(report: "GrantReport", *, dry_run: bool) -> list[str]:
    """Return the output of grant and revoke."""
    name, would = report.name, " would be" if dry_run else " is"
    lines = [f"{style('+', fg='green')} {name}{would} allowed {text}" for text in report.added]
    lines += [f"{style('-', fg='red')} {name}{would} no longer allowed {text}" for text in report.removed]
    return [*lines, f"{name}{would} granted: {', '.join(report.granted) or 'nothing'}"]


def note_lines(notes: tuple[str, ...]) -> list[str]:
    """Return the notes below a report."""
    return [f"{style('note:', fg='cyan')} {neutral(text)}" for text in notes]


def compiled_line(code: "BundledCode") -> str:
    """Return what a bundle has of compiled code, and whether this machine takes it."""
    modules, taken = counted(len(code.modules), "module"), "taken here"
    if code.refused:
        taken = f"not taken here: {code.refused}"
    return neutral(f"compiled code for {code.platform} by {code.maker}: {modules}, {taken}")
