"""How a verb speaks to whoever runs it. The command line implements it; so do tests."""

from typing import Protocol

import msgspec


class CardRow(msgspec.Struct, frozen=True):
    """One thing on a card. ``label`` is always tarkpm's own word, ``text`` is shown whole.

    A stranger's words in ``text`` are in quotation marks (`core.text.quoted`). ``loud`` is what a person
    should look at twice: it comes first, and in a colour.
    """

    label: str
    text: str
    loud: bool = False


class Card(msgspec.Struct, frozen=True):
    """What is about to happen, shown before it is asked about."""

    title: str
    rows: tuple[CardRow, ...]
    warnings: tuple[str, ...] = ()


class Ui(Protocol):
    """A person, or the lack of one."""

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked."""

    def show(self, cards: list[Card]) -> None:
        """Show what is about to happen."""

    def confirm(self, question: str) -> bool:
        """Ask; only called when `interactive`."""

    def note(self, text: str) -> None:
        """Say something that is not the result."""

    def busy(self, text: str) -> None:
        """Say what is being waited for; the next call replaces it."""
