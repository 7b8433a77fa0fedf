"""A difference of two states as text for a terminal, and as Markdown for a pull request's comment."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tarkpm.cli.console import style
from tarkpm.core.difference import SHOWN_AS, UNKNOWN
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.core.difference import PluginChange
    from tarkpm.core.generation import GenerationChange
    from tarkpm.core.settings_difference import FieldChange
    from tarkpm.ops.author.reviewing import ReviewedDifference
    from tarkpm.ops.diff import DiffReport
    from tarkpm.ops.show import ShowReport

LABELS: Final = {
    "commit": "commit",
    "declared": "asks for",
    "definitions": "redefined",
    "digest": "manifest",
    "files": "contents",
    "granted": "may use",
    "min-tark-version": "min tark",
    "range": "allows",
    "trust": "trusts",
}
"""What kinds of changes are called where the kind's own name would not be understood."""
_WIDTH: Final = 10
_CUT: Final = {"commit": 12, "digest": len("sha256:") + 12}
"""Characters that are shown of a long digest."""
_UNASKED: Final = ("version", "type", "files")
"""Kinds that go beyond what was even where acceptance asks nothing about them."""
_LISTS: Final = ("files", "requires", "declared", "tools", "definitions", "granted", "trust")
"""Kinds of which there may be several: what is gone and what is new are lines of their own."""


def difference_lines(report: "DiffReport | ShowReport | ReviewedDifference") -> list[str]:
    """Return a difference for a terminal. What goes beyond the earlier state comes first."""
    lines = [style(_title(report), bold=True)]
    if wider := [style(neutral(line), fg="yellow") for line in _wider(report)]:
        lines += ["", style(f"goes beyond {_named(report.before)}:", fg="yellow", bold=True)]
        lines += [f"  {line}" for line in wider]
    for change in report.indexes:
        lines += ["", "indexes", *_change_lines(change)]
    if report.settings:
        lines += ["", "settings", *_setting_lines(report.settings)]
    for plugin in report.plugins:
        lines += ["", style(_heading(plugin), bold=True)]
        lines += [line for change in plugin.changes for line in _change_lines(change)]
    return lines


def difference_markdown(report: "DiffReport | ShowReport | ReviewedDifference") -> list[str]:
    """Return a difference as Markdown. Every word that is not tarkpm's own is code, and cannot be markup."""
    lines = [f"### Plugins: {_title(report, code=True)}"]
    if wider := list(_wider(report)):
        lines += ["", f"**Goes beyond {_code(_named(report.before))}:**", ""]
        lines += [f"- {_code(line)}" for line in wider]
    rows: list[tuple[str, FieldChange | None]] = [("indexes", change) for change in report.indexes]
    rows += [("settings", change) for change in report.settings]
    rows += [(_heading(plugin), change) for plugin in report.plugins for change in _listed(plugin)]
    if rows:
        lines += ["", "| plugin | | before | after |", "|---|---|---|---|"]
        lines += [_row(name, change) for name, change in rows]
    return lines


_IN_SHORT: Final = {"definitions": "tools redefined", "files": "contents"}
_LEFT_OUT: Final = ("version", "commit", "digest", "declared", "granted", "range")
"""Kinds that a summary says in other words, or leaves to `show`."""


def summary_words(change: "GenerationChange") -> str:
    """Return a change from one generation to the next in a few words."""
    if not change.name:
        return "indexes"
    if change.change == "removed":
        return f"- {change.name} {change.before}"
    if change.change == "added":
        return f"+ {change.name} {change.after}"
    moved = f" → {change.after}" if change.after != change.before else ""
    parts = [_IN_SHORT.get(kind, kind) for kind in change.kinds if kind not in _LEFT_OUT]
    parts += [f"gains {', '.join(change.gained)}"] if change.gained else []
    parts += [f"loses {', '.join(change.lost)}"] if change.lost else []
    parts = parts or ([] if moved else [kind for kind in change.kinds if kind != "version"])
    return f"~ {change.name} {change.before}{moved}" + (f": {', '.join(parts)}" if parts else "")


def _listed(plugin: "PluginChange") -> "list[FieldChange | None]":
    return list(plugin.changes) or [None]


def _row(name: str, change: "FieldChange | None") -> str:
    if change is None:
        return f"| {_code(name)} | | | |"
    label = LABELS.get(change.kind, change.kind) + (" ⚠" if change.wider else "")
    before, after = (" ".join(map(_code, part)) for part in (change.removed, change.added))
    return f"| {_code(name)} | {label} | {before} | {after} |"


def _title(report: "DiffReport | ShowReport | ReviewedDifference", *, code: bool = False) -> str:
    counts = [
        counted(number, "plugin") + f" {change}"
        for change in ("added", "removed", "changed")
        if (number := sum(one.change == change for one in report.plugins))
    ]
    if report.indexes:
        counts.append("indexes changed")
    if report.settings:
        counts.append("settings changed")
    # A title must never say that nothing differs above a list of what is wider.
    if not counts and report.is_wider:
        counts.append("decisions of the project changed")
    names = [_named(report.before), _named(report.after)]
    shown = " → ".join(map(_code, names) if code else map(neutral, names))
    return f"{shown}: {', '.join(counts) or 'no difference'}"


def _named(state: str) -> str:
    return state or "working tree"


def _heading(plugin: "PluginChange") -> str:
    if plugin.change != "changed":
        return f"{plugin.name} {plugin.after or plugin.before} {plugin.change}"
    if plugin.before == plugin.after:
        return f"{plugin.name} {plugin.before}"
    return f"{plugin.name} {plugin.before} → {plugin.after}"


def _wider(report: "DiffReport | ShowReport | ReviewedDifference") -> Iterator[str]:
    yield from map(str, report.wider)
    asked = {(one.subject, kind) for one in report.wider for kind in SHOWN_AS[one.kind]}
    for name, asks in report.asks.items():
        is_known = asks != (UNKNOWN,)
        unknown = f"the lock does not name what '{name}' asks for"
        yield f"'{name}' asks for {', '.join(asks)}" if is_known else unknown
    for plugin in report.plugins:
        for change in plugin.changes:
            if change.wider and change.kind in _UNASKED and (plugin.name, change.kind) not in asked:
                what = " → ".join(", ".join(part) for part in (change.removed, change.added) if part)
                yield f"'{plugin.name}' has another {LABELS.get(change.kind, change.kind)}: {what}"
    for name in report.unpinned:
        yield f"the tools of '{name}' are not pinned any longer"


def _change_lines(change: "FieldChange") -> Iterator[str]:
    if change.kind == "version":
        return  # it is in the heading
    label = LABELS.get(change.kind, change.kind).ljust(_WIDTH)
    color = "yellow" if change.wider else None
    if change.kind not in _LISTS and change.kind != "index":
        parts = (", ".join(map(neutral, part)) for part in (change.removed, change.added) if part)
        text = " → ".join(part[: _CUT.get(change.kind)] for part in parts)
        yield style(f"  {label}{text}", fg=color)
        return
    signed = [
        *((f"- {one}", "red") for one in change.removed),
        *((f"+ {one}", "green") for one in change.added),
    ]
    for number, (text, usual) in enumerate(signed):
        yield style(f"  {'' if number else label:{_WIDTH}}{neutral(text)}", fg=color or usual)


def _setting_lines(changes: "tuple[FieldChange, ...]") -> Iterator[str]:
    width = max(len(change.kind) for change in changes)
    for change in changes:
        text = " → ".join(", ".join(map(neutral, part)) for part in (change.removed, change.added))
        yield style(f"  {change.kind:{width}}  {text}", fg="yellow" if change.wider else None)


def _code(text: str) -> str:
    """Return text as a code span that nothing in it can end (CommonMark, 6.1), and no table cell either."""
    return f"`{neutral(text).replace('`', chr(0x2019)).replace('|', '¦') or ' '}`"
