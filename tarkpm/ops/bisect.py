"""``tarkpm bisect``: find the generation that broke something, by going back half of the way each time.

Each step is checked like a rollback. What is accepted during a bisection is at most what was accepted when it
began: a generation that goes beyond that, or that holds a revoked release, is skipped.
"""

import subprocess
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from tarkpm.core.bisection import Bisection
from tarkpm.core.digest import Digest, sha256
from tarkpm.core.generation import GenerationChange, generation_changes
from tarkpm.errors import (
    ConsentError,
    DocumentError,
    Edited,
    EditsRefused,
    NotFound,
    PluginFailed,
    Refused,
    ResolutionError,
    StoreBusy,
    StoreError,
    TarkError,
    VerificationError,
)
from tarkpm.ops.change.go_back import check_way, go, wanted_documents
from tarkpm.ops.change.history import (
    LOG,
    NOTHING,
    changed_documents,
    documents_of,
    found_documents,
    history_of,
    required_generation,
)
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_change
from tarkpm.store.bisections import Bisections, Place, Running
from tarkpm.store.history import Generation

if TYPE_CHECKING:
    from collections.abc import Iterator

Verdict = Literal["good", "bad", "skip"]
SKIP_STATUS: Final = 125
"""The exit status by which a command says that a generation cannot be tested, as for `git bisect run`."""
NOT_RUN: Final = 126
"""From this exit status on, a shell says that the command did not run, or ended by a signal."""
_SKIPPED: Final = (
    ConsentError,
    DocumentError,
    NotFound,
    Refused,
    ResolutionError,
    StoreError,
    VerificationError,
)
_RESET: Final = "tarkpm bisect reset --here"


class BisectReport(msgspec.Struct, frozen=True):
    """How far a bisection is. Generations are numbers, 0 if none.

    ``state`` is begun while a good and a bad one are not both marked, then testing, then found. ``testing``
    is the one that the project is at now, with ``left`` others to test, ``first_bad`` the result: several if
    generations between them were ``skipped``, each with the reason. ``changes`` is what the first bad one
    changed. ``state`` is ended after a reset to ``start``.
    """

    state: Literal["begun", "testing", "found", "ended"]
    start: int
    good: int = 0
    bad: int = 0
    testing: int = 0
    left: int = 0
    first_bad: tuple[int, ...] = ()
    skipped: dict[int, str] = {}
    changes: tuple[GenerationChange, ...] = ()


def start(settings: Settings, ui: Ui, bad: int | None, good: int | None) -> BisectReport:
    """Begin a bisection at the documents as they are, and go to the first generation to test.

    Raises `TarkError` if a bisection is in progress, and `EditsRefused` if the documents are not those of
    the newest generation: `reset` returns to it.
    """
    with open_for_change(settings, ui) as workspace:
        store, history = _store(workspace), history_of(workspace)
        if store.read() is not None:
            raise TarkError("a bisection is in progress", hint="tarkpm bisect reset")
        newest, present = history.newest(), found_documents(workspace)
        if newest is None or present != newest.documents:
            where = str(workspace.location.project_file)
            edited = changed_documents(newest.documents, present) if newest and present else ("tark.toml",)
            text = f"{' and '.join(edited)} changed since the newest generation, so nothing leads back to it"
            raise EditsRefused(text, where=where, hint="tarkpm sync")
        known = Bisection()
        for number, is_good in ((bad, False), (good, True)):
            if number is not None:
                required_generation(history, number)
                known = _marked(known, number, good=is_good)
        accepted = workspace.record.accepted
        store.save(Running(newest.number, accepted, known, (_place(workspace, newest.number),)))
    return _advance(settings, ui)


def mark(settings: Settings, ui: Ui, verdict: Verdict, number: int | None) -> BisectReport:
    """Say what a generation is, by default the one that the project is at, and go to the next one."""
    with open_for_change(settings, ui) as workspace:
        store, running = _running(workspace)
        at = _at(workspace, running) if number is None else number
        required_generation(history_of(workspace), at)
        if verdict == "skip":
            known = running.known.without(at, "you skipped it")
        else:
            known = _marked(running.known, at, good=verdict == "good")
        store.save(msgspec.structs.replace(running, known=known))
    return _advance(settings, ui)


def reset(settings: Settings, ui: Ui, *, here: bool) -> BisectReport:
    """End the bisection and return to where it began, or with ``here`` stay at the present generation."""
    with open_for_change(settings, ui) as workspace:
        store, running = _running(workspace)
        if not here:
            _at(workspace, running)
            with _hinting(_RESET):
                _go(workspace, store, running, running.start)
        store.end()
        return BisectReport("ended", running.start)


def run(settings: Settings, ui: Ui, command: Sequence[str]) -> BisectReport:
    """Test each generation with a command: exit status 0 is good, 125 skips, others up to 124 are bad.

    Raises `TarkError` if no good or no bad generation is marked yet, and `PluginFailed` if the command cannot
    be run or ends by a signal; the bisection goes on.
    """
    report = _advance(settings, ui)
    if report.state == "begun":
        word = "bad" if report.good else "good"
        raise TarkError(f"no {word} generation is marked yet", hint=f"tarkpm bisect {word} N")
    while report.state == "testing":
        verdict = _verdict(settings, command)
        ui.note(f"generation {report.testing} is {'skipped' if verdict == 'skip' else verdict}")
        report = mark(settings, ui, verdict, None)
    return report


def _verdict(settings: Settings, command: Sequence[str]) -> Verdict:
    try:
        # Its output is not the result of this verb: with --json, stdout is one document.
        done = subprocess.run(
            list(command), cwd=settings.cwd, env=dict(settings.environment), stdout=2, check=False
        )
    except OSError as problem:
        raise PluginFailed(f"the command cannot be run: {problem.strerror}", where=command[0]) from None
    if done.returncode == SKIP_STATUS:
        return "skip"
    if not 0 <= done.returncode < NOT_RUN:
        text = f"the command ended with status {done.returncode}, which says neither good nor bad"
        raise PluginFailed(text, where=command[0], hint="tarkpm bisect good, or: tarkpm bisect bad")
    return "bad" if done.returncode else "good"


def _marked(known: Bisection, number: int, *, good: bool) -> Bisection:
    try:
        return known.marked(number, good=good)
    except ValueError as problem:
        raise TarkError(str(problem), hint=LOG) from None


def _store(workspace: Workspace) -> Bisections:
    return Bisections(workspace.state.root, workspace.record.environment)


def _running(workspace: Workspace) -> tuple[Bisections, Running]:
    store = _store(workspace)
    running = store.read()
    if running is None:
        raise TarkError("no bisection is in progress", hint="tarkpm bisect start")
    return store, running


def _place(workspace: Workspace, number: int) -> Place:
    """Return the place that the project is at as it is on disk and in state."""
    return Place(number, _digest(found_documents(workspace)), workspace.record.accepted.digest)


def _digest(documents: tuple[str, str] | None) -> Digest:
    return sha256("\0".join(documents or ("", "", "")).encode())


def _at(workspace: Workspace, running: Running) -> int:
    """Return the generation that the project is at. Raises `EditsRefused` if something else changed it.

    A grant that was revoked in the meantime must not come back with the next step.
    """
    for place in running.places:
        if place == _place(workspace, place.generation):
            return place.generation
    text = "the project, or what you accept of it, changed since the last step of the bisection"
    raise EditsRefused(text, where=str(workspace.location.project_file), hint=_RESET)


def _advance(settings: Settings, ui: Ui) -> BisectReport:
    """Go to the next generation to test, past those that cannot come back."""
    while True:
        # Opened again for each: a way that was refused leaves its documents in the workspace.
        with open_for_change(settings, ui) as workspace:
            store, running = _running(workspace)
            at, numbers = _at(workspace, running), history_of(workspace).numbers()
            number = running.known.next(numbers)
            if number is None:
                return _result(workspace, running, at, numbers)
            try:
                _go(workspace, store, running, number)
            except _SKIPPED as problem:
                # An edit or another process concerns every generation.
                if isinstance(problem, Edited | EditsRefused | StoreBusy):
                    raise
                known = running.known.without(number, problem.message)
                store.save(msgspec.structs.replace(running, known=known))
                continue
            return _report("testing", running, testing=number, left=len(running.known.left(numbers)) - 1)


def _result(workspace: Workspace, running: Running, at: int, numbers: list[int]) -> BisectReport:
    if not running.known.is_bounded:
        return _report("begun", running, testing=at)
    suspects = running.known.suspects(numbers)
    changes: tuple[GenerationChange, ...] = ()
    if len(suspects) == 1:
        history = history_of(workspace)
        older = [number for number in numbers if number < suspects[0]]
        former = required_generation(history, older[0]) if older else NOTHING
        changes = generation_changes(
            documents_of(former), documents_of(required_generation(history, suspects[0]))
        )
    return _report("found", running, testing=at, first_bad=suspects, changes=changes)


def _report(
    state: Literal["begun", "testing", "found"],
    running: Running,
    *,
    testing: int,
    left: int = 0,
    first_bad: tuple[int, ...] = (),
    changes: tuple[GenerationChange, ...] = (),
) -> BisectReport:
    known = running.known
    return BisectReport(
        state, running.start, known.good, known.bad, testing, left, first_bad, known.skipped, changes
    )


def _go(workspace: Workspace, store: Bisections, running: Running, number: int) -> None:
    """Bring the project to a generation, and note both places first: a step may be interrupted."""
    generation = required_generation(history_of(workspace), number)
    here = _place(workspace, _at(workspace, running))
    if wanted_documents(generation) == found_documents(workspace):
        store.save(msgspec.structs.replace(running, places=(_place(workspace, number),)))
        return
    # What was accepted at the beginning, and not only here: an older generation may have had less.
    way = check_way(workspace, generation, running.accepted, asking=False)
    there = Place(number, _documents_after(generation, way.target.lock_bytes), way.accepted.accepted.digest)
    store.save(msgspec.structs.replace(running, places=(here, there)))
    go(workspace, way)
    store.save(msgspec.structs.replace(running, places=(there,)))


def _documents_after(generation: Generation, lock: bytes | None) -> Digest:
    """Return the digest of the documents to be: a lock may be written with working copies as they are now."""
    project, text = wanted_documents(generation)
    return _digest((project, lock.decode() if lock is not None else text))


@contextmanager
def _hinting(hint: str) -> "Iterator[None]":
    try:
        yield
    except TarkError as problem:
        problem.hint = hint
        raise
