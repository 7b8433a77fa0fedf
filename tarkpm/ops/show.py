"""``tarkpm show``: what differs between a generation and the one before it."""

import msgspec

from tarkpm.core.difference import Difference, difference
from tarkpm.errors import NotFound
from tarkpm.ops.change.history import (
    LOG,
    NOTHING,
    documents_of,
    history_of,
    required_generation,
    shown_time,
)
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading


class ShowReport(Difference, frozen=True, kw_only=True):
    """A generation and its difference from the one before; ``at`` is a time in UTC."""

    number: int
    at: str
    command: str
    before: str
    after: str
    notes: tuple[str, ...] = ()


def show(settings: Settings, ui: Ui, number: int | None) -> ShowReport:
    """Compare a generation, the newest by default, with the one before it.

    Raises `NotFound` for one that is not kept, and `StoreError`, `ProjectError` or `LockError` for one that
    cannot be read.
    """
    with open_for_reading(settings, ui, must_exist=True, parsed=False) as workspace:
        history = history_of(workspace)
        numbers = history.numbers()
        if number is None and not numbers:
            raise NotFound("this project has no history yet", where=str(history.folder), hint=LOG)
        generation = required_generation(history, numbers[0] if number is None else number)
        older = [one for one in numbers if one < generation.number]
        former = required_generation(history, older[0]) if older else NOTHING
        found = difference(documents_of(former), documents_of(generation))
        notes = () if older or generation.number == 1 else ("the generation before is not kept",)
        return ShowReport(
            **msgspec.structs.asdict(found),
            number=generation.number,
            at=shown_time(generation),
            command=generation.command,
            before=f"generation {former.number}" if older else "nothing",
            after=f"generation {generation.number}",
            notes=notes,
        )
