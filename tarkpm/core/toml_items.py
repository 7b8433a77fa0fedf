"""Splices of a text, and how the items of a TOML list or inline table are changed by them."""

from collections.abc import Sequence
from typing import Any

from tarkpm.core.document import inline
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.toml_scan import ARRAY, TABLE, TomlItem, TomlValue, line_end

_REST = lazy_pattern(r"[ \t]*(?:#[^\n]*)?\r?\n")
_BLANKS = lazy_pattern(r"[ \t]*")


class Splices:
    """Replacements of spans of one text, applied together.

    ``ending`` ends an inserted line that no line of the text precedes.
    """

    def __init__(self, text: str, ending: str) -> None:
        self.text = text
        self._ending = ending
        self._splices: list[tuple[int, int, str]] = []
        self._blocks: set[int] = set()

    def cut(self, start: int, end: int) -> None:
        """Remove a span."""
        self._splices.append((start, end, ""))

    def replace(self, start: int, end: int, text: str) -> None:
        """Replace a span; an empty one is an insertion."""
        self._splices.append((start, end, text))

    def line(self, at: int, text: str) -> None:
        """Insert a line at ``at``, where a line begins, indented and ended as the line before it."""
        before = self.text[self.text.rfind("\n", 0, max(at - 1, 0)) + 1 : at]
        indent = before[: len(before) - len(before.lstrip(" \t"))] if at not in self._blocks else ""
        self.replace(at, at, indent + text + self.ending(at))

    def block(self, at: int, header: str) -> None:
        """Insert a header at ``at``, with a blank line between it and what is above."""
        above = self.text[self.text.rfind("\n", 0, max(at - 1, 0)) + 1 : at]
        blank = self.ending(at) if above.strip() or at in self._blocks else ""
        self._blocks.add(at)
        self.replace(at, at, blank + header + self.ending(at))

    def ending(self, at: int) -> str:
        """Return the line end of the line before ``at``."""
        if at == 0:
            return self._ending
        return "\r\n" if self.text[max(at - 2, 0) : at] == "\r\n" else "\n"

    def apply(self) -> str:
        """Return the text with every splice made; cuts may overlap."""
        parts, at = [], 0
        for start, end, text in sorted(self._splices, key=lambda splice: splice[0]):
            parts += [self.text[at:start], text]
            at = max(at, end)
        return "".join((*parts, self.text[at:]))


def update_value(splices: Splices, value: TomlValue, old: Any, new: Any) -> None:
    """Change a value from ``old`` to ``new``; items of a list or inline table that stay are not touched."""
    plain = all(len(item.keys) == 1 for item in value.items)
    if value.close == TABLE and isinstance(new, dict) and plain:
        gone = {number for number, item in enumerate(value.items) if item.keys[0] not in new}
        for item in value.items:
            (key,) = item.keys
            if key in new and new[key] != old[key]:
                update_value(splices, item.value, old[key], new[key])
        added = [inline({key: what})[2:-2] for key, what in new.items() if key not in old]
        _update_items(splices, value, gone, added)
    elif value.close == ARRAY and isinstance(new, list):
        gone, rest = _kept_in_order(old, new)
        _update_items(splices, value, gone, [inline(one) for one in rest])
    else:
        splices.replace(value.start, value.end, inline(new))


def _kept_in_order(old: list[Any], new: list[Any]) -> tuple[set[int], list[Any]]:
    """Return which old items go, and which new ones follow those that stay."""
    gone, at = set(), 0
    for number, one in enumerate(old):
        if at < len(new) and new[at] == one:
            at += 1
        else:
            gone.add(number)
    return gone, new[at:]


def _update_items(splices: Splices, value: TomlValue, gone: set[int], added: Sequence[str]) -> None:
    kept = [item for number, item in enumerate(value.items) if number not in gone]
    if not kept and "#" not in splices.text[value.start : value.end]:
        shown = ", ".join(added)
        pad = " " if shown and value.close == TABLE else ""
        opening = splices.text[value.start]
        splices.replace(value.start, value.end, f"{opening}{pad}{shown}{pad}{value.close}")
        return
    for number in sorted(gone):
        before = [item for other, item in enumerate(value.items[:number]) if other not in gone]
        _remove(splices, value, value.items[number], before[-1] if before else None)
    if added and kept:
        _append(splices, value, kept[-1], added)
    elif added:
        splices.replace(value.start + 1, value.start + 1, ", ".join(added))


def _remove(splices: Splices, value: TomlValue, item: TomlItem, kept: TomlItem | None) -> None:
    """Cut an item with its comma, and with its line and the comment there if it is alone on it."""
    text, end = splices.text, item.value.end
    if item.comma >= 0 and "\n" in text[end : item.comma]:
        splices.cut(item.start, end)
        splices.cut(item.comma, item.comma + 1)
        return
    stop = item.comma + 1 if item.comma >= 0 else end
    line = text.rfind("\n", 0, item.start) + 1
    rest = _REST.match(text, stop)
    if rest and line > value.start and not text[line : item.start].strip():
        splices.cut(line, rest.end())
    elif item.comma >= 0:
        blanks = _BLANKS.match(text, stop)
        splices.cut(item.start, blanks.end() if blanks and not rest else stop)
    elif kept and (value.close == TABLE or "\n" not in text[kept.value.end : item.start]):
        # An inline table has no comma behind its last pair (TOML 1.0).
        splices.cut(kept.value.end, end)
    else:
        splices.cut(item.start, end)


def _append(splices: Splices, value: TomlValue, last: TomlItem, added: Sequence[str]) -> None:
    """Add items behind the last one: on lines of their own if it has one, else on its line."""
    text, end = splices.text, last.value.end
    stop = last.comma + 1 if last.comma >= 0 else end
    line = text.rfind("\n", 0, last.start) + 1
    indent = text[line : last.start]
    if line <= value.start or indent.strip() or not _REST.match(text, stop) or "\n" in text[end:stop]:
        splices.replace(end, end, "".join(f", {one}" for one in added))
        return
    if last.comma < 0:
        splices.replace(end, end, ",")
    at = line_end(text, stop)
    for number, one in enumerate(added):
        comma = "," if last.comma >= 0 or number < len(added) - 1 else ""
        splices.replace(at, at, indent + one + comma + splices.ending(at))
