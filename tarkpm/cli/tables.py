"""Tables that fit the terminal, and are whole in a pipe."""

import sys
from collections.abc import Collection, Sequence
from itertools import zip_longest
from typing import Final

from tarkpm.cli.console import is_terminal, size
from tarkpm.core.text import cut, wrapped

LEAST: Final = 4
"""Columns of the terminal that a column gets beside those that are shown whole."""


def table(
    header: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, whole: Collection[str] = ()
) -> list[str]:
    """Return rows as aligned columns under a header; the last column is not padded.

    At a terminal, the widest columns are cut until a row fits. Columns in ``whole`` are not cut: they go on
    in the next line, below themselves, because a name or a path that is cut cannot be typed. ``--json`` and
    pipes get everything.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    kept = [place for place, title in enumerate(header) if title in whole]
    if not is_terminal(sys.stdout):
        return [line for row in (header, *rows) for line in _lines(row, widths, ())]
    room = size(sys.stdout)[0] - 1
    # Each ellipsis may take two columns: without room for them, the end of a line would be cut once more.
    if _width(widths) > room:
        widths = fitted(widths, room - len(widths), kept)
    # A line that the terminal wraps would continue at the left edge, where it reads as a line of tarkpm.
    return [cut(line, room) for row in (header, *rows) for line in _lines(row, widths, kept)]


def fitted(widths: Sequence[int], room: int, kept: Collection[int] = ()) -> list[int]:
    """Return the widths of columns, of which the widest are cut so that all fit into ``room``.

    The columns at ``kept`` get what they need before the others; without any, the first column, which names
    the row, gets up to half of the room.
    """
    if _width(widths) <= room:
        return list(widths)
    left = room - 2 * (len(widths) - 1)
    most = {0: left // 2} if widths[1:] and not kept else {}
    if kept:
        others = sum(min(width, LEAST) for place, width in enumerate(widths) if place not in kept)
        shared = _shared({place: widths[place] for place in kept}, left - others)
        most = shared
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
