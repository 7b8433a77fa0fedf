"""A `Ui` with nobody behind it, which keeps what it was given to show."""

from tarkpm.ops.project.ui import Card


class SilentUi:
    """Answers every question with ``answer``; `interactive` says whether it is asked at all."""

    def __init__(self, *, interactive: bool = False, answer: bool = False) -> None:
        self.interactive, self.answer = interactive, answer
        self.cards: list[Card] = []
        self.notes: list[str] = []
        self.questions: list[str] = []
        self.shown_busy: list[str] = []

    def show(self, cards: list[Card]) -> None:
        """Keep the cards."""
        self.cards += cards

    def confirm(self, question: str) -> bool:
        """Keep the question and give the one answer."""
        self.questions.append(question)
        return self.answer

    def note(self, text: str) -> None:
        """Keep the note."""
        self.notes.append(text)

    def busy(self, text: str) -> None:
        """Keep what is in progress."""
        self.shown_busy.append(text)
