"""The interface through which a verb talks to its user. The command line and tests implement it."""

from typing import Protocol

import msgspec


class CardRow(msgspec.Struct, frozen=True):
    """One row of a card. ``label`` is always tarkpm's own word; ``text`` is shown whole.

    Words of a plugin or publisher in ``text`` are quoted (`core.text.quoted`). ``loud`` rows need attention:
    they come first, in color.
    """

    label: str
    text: str
    loud: bool = False


class Card(msgspec.Struct, frozen=True):
    """A description of what is about to happen, shown before the prompt."""

    title: str
    rows: tuple[CardRow, ...]
    warnings: tuple[str, ...] = ()


class Ui(Protocol):
    """The user, or a pipe without one."""

    @property
    def interactive(self) -> bool:
        """Return whether a user can be prompted."""

    def show(self, cards: list[Card]) -> None:
        """Show what is about to happen."""

    def confirm(self, question: str) -> bool:
        """Prompt for yes or no; only called if `interactive`."""

    def note(self, text: str) -> None:
        """Show a note that is not part of the result."""

    def busy(self, text: str) -> None:
        """Show what is in progress; the next call replaces it."""
