"""Lay out cards as terminal lines. Pure.

A bar separates each label from its text and starts every continuation line, so that no text, however padded,
starts a line or reads as a row: labels are always tarkpm's own. Lines are wrapped here, because the terminal
would continue them at the left edge.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from tarkpm.core.text import neutral, wrapped
from tarkpm.ops.project.ui import Card, CardRow

BAR: Final = "│"
_LEAST: Final = 16
"""Fewest columns of text next to the labels; with fewer the text goes below them."""
_NO_END: Final = 1 << 30


class Line(msgspec.Struct, frozen=True):
    """One line: its prefix, its text and its style."""

    before: str
    text: str
    loud: bool = False
    bold: bool = False


def card_lines(cards: Iterable[Card], width: int | None, height: int | None) -> list[Line]:
    """Return the lines of ``cards`` for a terminal of this size; None: no terminal, lines are not wrapped.

    Loud rows are repeated below cards that are longer than the terminal, where they have scrolled away.
    """
    cards = list(cards)
    lines = [line for card in cards for line in _lines(card, width, card.rows)]
    if height is None or len(lines) < height - 1:
        return lines
    # What scrolled away is repeated next to the prompt (decision 0083).
    again = [line for card in cards if _loud(card) for line in _lines(card, width, ())[1:]]
    return [*lines, Line("", ""), Line("  ", "look again:", bold=True), *again] if again else lines


def _loud(card: Card) -> list[CardRow]:
    warnings = [CardRow("warning", text, loud=True) for text in card.warnings]
    return [*(row for row in card.rows if row.loud), *warnings]


def _lines(card: Card, width: int | None, rows: tuple[CardRow, ...]) -> list[Line]:
    """Return a card's lines: its loud rows first, then those of ``rows`` that are not loud."""
    shown = [*_loud(card), *(row for row in rows if not row.loud)]
    labels = max((len(row.label) for row in shown), default=0)
    room = _NO_END if width is None else width - 1 - 2
    title = [Line("  ", text, bold=True) for text in wrapped(neutral(card.title), max(1, room))]
    return [Line("", ""), *title, *(line for row in shown for line in _row(row, labels, room))]


def _row(row: CardRow, labels: int, room: int) -> list[Line]:
    beside = room - labels - 3
    # On a narrow terminal, text beside its label would be one word per line.
    if beside < _LEAST:
        texts = wrapped(neutral(row.text), max(2, room - 2))
        return [Line("  ", row.label), *(Line(f"  {BAR} ", text, row.loud) for text in texts)]
    first, *more = wrapped(neutral(row.text), beside)
    blank = " " * labels
    return [
        Line(f"  {row.label:>{labels}} {BAR} ", first, row.loud),
        *(Line(f"  {blank} {BAR} ", text, row.loud) for text in more),
    ]
