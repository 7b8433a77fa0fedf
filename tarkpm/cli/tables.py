"""Tables that fit the terminal, and are whole in a pipe."""

import sys
from collections.abc import Collection, Sequence
from itertools import zip_longest
from typing import Final

from tarkpm.cli.console import is_terminal, size
from tarkpm.core.text import cut, wrapped

LEAST: Final = 4
"""Columns of the terminal that a column gets beside those that are shown whole."""
LEAST_PROSE: Final = 16
"""Columns of the terminal for a sentence that goes on below itself."""


def table(
    header: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    *,
    whole: Collection[str] = (),
    prose: Collection[str] = (),
) -> list[str]:
    """Return rows as aligned columns under a header; the last column is not padded.

    At a terminal, the widest columns are cut until a row fits. Columns in ``whole`` and ``prose`` are not
    cut: they go on in the next line, below themselves, those in ``whole`` only where nothing else helps,
    because a name or a version that is broken cannot be typed. Where there is no room for these, the last of
    the other columns are left out, or ``prose`` stands below its row. ``--json`` and pipes get everything.
    """
    return [line for lines in _rows(header, rows, whole, prose) for line in lines]


def _rows(
    header: tuple[str, ...], rows: Sequence[tuple[str, ...]], whole: Collection[str], prose: Collection[str]
) -> list[list[str]]:
    """Return the lines of the header and of each row."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if not is_terminal(sys.stdout):
        return [_lines(row, widths, ()) for row in (header, *rows)]
    room = size(sys.stdout)[0] - 1
    least = [_least(title, width, whole, prose) for title, width in zip(header, widths, strict=True)]
    kept = [place for place, title in enumerate(header) if title in whole]
    texts = [place for place, title in enumerate(header) if title in prose]
    shown = _shown(least, room, (*kept, *texts))
    if len(shown) < len(header):
        fewer = [tuple(row[place] for place in shown) for row in (header, *rows)]
        return _rows(fewer[0], fewer[1:], whole, prose)
    wraps = (*kept, *texts)
    # Each ellipsis may take two columns: without room for them, the end of a line would be cut once more.
    margin = len(widths) - len(wraps)
    if texts and _width(least) + margin > room:
        return _with_prose_below(header, rows, whole, prose, room)
    if _width(widths) > room:
        widths = fitted(widths, room - margin, kept, texts)
    # A line that the terminal wraps would continue at the left edge, where it reads as a line of tarkpm.
    return [[cut(line, room) for line in _lines(row, widths, wraps)] for row in (header, *rows)]


def _with_prose_below(
    header: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    whole: Collection[str],
    prose: Collection[str],
    room: int,
) -> list[list[str]]:
    """Return the lines of a table whose sentences have no room beside its names: they go below each row."""
    others = [place for place, title in enumerate(header) if title not in prose]
    fewer = [tuple(row[place] for place in others) for row in (header, *rows)]
    result = _rows(fewer[0], fewer[1:], whole, ())
    for lines, row in zip(result[1:], rows, strict=True):
        texts = [text for place, text in enumerate(row) if place not in others and text]
        lines += [f"    {line}" for text in texts for line in wrapped(text, max(room - 4, 1))]
    return result


def _least(title: str, width: int, whole: Collection[str], prose: Collection[str]) -> int:
    """Return how many columns of the terminal a column of a table needs at least."""
    return width if title in whole else min(width, LEAST_PROSE if title in prose else LEAST)


def _shown(least: Sequence[int], room: int, kept: Collection[int]) -> list[int]:
    """Return the columns to show: all, or without the last ones that leave no room for those at ``kept``."""
    shown = list(range(len(least)))
    while kept:
        spare = [place for place in shown if place not in kept]
        if _width([least[place] for place in shown]) + len(spare) <= room:
            break
        if not spare:
            return list(range(len(least)))  # leaving columns out does not help
        shown.remove(spare[-1])
    return shown


def fitted(
    widths: Sequence[int], room: int, kept: Collection[int] = (), prose: Collection[int] = ()
) -> list[int]:
    """Return the widths of columns, of which the widest are cut so that all fit into ``room``.

    The columns at ``kept`` get what they need before the others, then those at ``prose``; without any, the
    first column, which names the row, gets up to half of the room.
    """
    if _width(widths) <= room:
        return list(widths)
    left = room - 2 * (len(widths) - 1)
    most = {0: left // 2} if widths[1:] and not (kept or prose) else {}
    if kept or prose:
        others = sum(min(width, LEAST) for place, width in enumerate(widths) if place not in {*kept, *prose})
        texts = {place: widths[place] for place in prose}
        most = _shared(
            {place: widths[place] for place in kept},
            left - others - sum(min(width, LEAST_PROSE) for width in texts.values()),
        )
        most |= _shared(texts, left - others - sum(most.values()))
    fits = {place: min(widths[place], max(limit, 1)) for place, limit in most.items()}
    rest = {place: width for place, width in enumerate(widths) if place not in fits}
    fits |= _shared(rest, left - sum(fits.values()))
    return [fits[place] for place in range(len(widths))]


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _shared(widths: dict[int, int], room: int) -> dict[int, int]:
    """Share ``room``: from the narrowest, a column gets what it needs while the others can have as much."""
    fits: dict[int, int] = {}
    for place, width in sorted(widths.items(), key=lambda item: item[1]):
        fits[place] = min(width, max(room // (len(widths) - len(fits)), 1))
        room -= fits[place]
    return fits


def _lines(row: Sequence[str], widths: Sequence[int], kept: Collection[int]) -> list[str]:
    cells = [
        wrapped(cell, width) if place in kept and len(cell) > width else [_cell(cell, width)]
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return [
        "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()
        for texts in zip_longest(*cells, fillvalue="")
    ]


def _cell(text: str, width: int) -> str:
    return text if len(text) <= width else cut(text, width)
