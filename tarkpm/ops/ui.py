"""How a verb speaks to whoever runs it. The command line implements it; so do tests."""

from typing import Protocol

import msgspec


class Card(msgspec.Struct, frozen=True):
    """What is about to happen, shown before it is asked about: a title, and rows of label and text."""

    title: str
    rows: tuple[tuple[str, str], ...]
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
