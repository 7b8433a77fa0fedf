"""``tarkpm log``: the generations of a project, and what changed in each."""

from collections.abc import Iterator

import msgspec

from tarkpm.core.generation import GenerationChange, generation_changes
from tarkpm.errors import TarkError
from tarkpm.ops.change.history import (
    NOTHING,
    changed_documents,
    documents_of,
    found_documents,
    history_of,
    shown_time,
)
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.store.history import Generation, History


class LoggedGeneration(msgspec.Struct, frozen=True):
    """One generation, and what changed since the one before.

    ``at`` is a time in UTC. ``command`` is "" for documents that something other than tarkpm had written.
    ``changes`` are by plugin, ``documents`` the files whose bytes changed, and ``installed`` the plugins
    whose installed files did. ``is_compared`` is false, and all three are empty, if this generation cannot be
    read or the one before is not kept.
    """

    number: int
    at: str
    command: str
    changes: tuple[GenerationChange, ...] = ()
    documents: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    is_compared: bool = True


class LogReport(msgspec.Struct, frozen=True):
    """Generations, newest first; ``older`` more are kept. ``edited`` are documents that changed since."""

    generations: tuple[LoggedGeneration, ...]
    older: int = 0
    edited: tuple[str, ...] = ()


def log(settings: Settings, ui: Ui, *, most: int) -> LogReport:
    """Return the newest generations, ``most`` at most. Works with documents that cannot be parsed, too."""
    with open_for_reading(settings, ui, must_exist=True, parsed=False) as workspace:
        history = history_of(workspace)
        numbers = history.numbers()
        rows = tuple(_rows(history, numbers, most))
        newest, found = history.newest(), found_documents(workspace)
        edited = changed_documents(newest.documents, found) if newest and found else ()
        return LogReport(rows, max(0, len(numbers) - most), edited)


def _rows(history: History, numbers: list[int], most: int) -> Iterator[LoggedGeneration]:
    """Yield the newest generations, each compared with the one before it that is kept."""
    read = {number: _read(history, number) for number in numbers[: most + 1]}
    for number, former in zip(numbers[:most], [*numbers[1:], 0], strict=False):
        generation = read[number]
        before = NOTHING if number == 1 else read.get(former)
        yield _row(generation, before) if generation else LoggedGeneration(number, "", "", is_compared=False)


def _read(history: History, number: int) -> Generation | None:
    try:
        return history.read(number)
    except (TarkError, OSError):  # a damaged one must not hide the others
        return None


def _row(generation: Generation, before: Generation | None) -> LoggedGeneration:
    row = LoggedGeneration(generation.number, shown_time(generation), generation.command, is_compared=False)
    try:
        changes = generation_changes(documents_of(before), documents_of(generation)) if before else None
    except TarkError:
        changes = None
    if before is None or changes is None:
        return row
    names = {*before.installed, *generation.installed}
    moved = (name for name in names if before.installed.get(name) != generation.installed.get(name))
    return msgspec.structs.replace(
        row,
        changes=changes,
        documents=changed_documents(before.documents, generation.documents),
        installed=tuple(sorted(moved)),
        is_compared=True,
    )
