"""Foresee an update: what `update` installs as things are, and what it cannot take without a decision."""

from collections.abc import Collection, Iterator, Mapping

import msgspec

from tarkpm.core.consent import Answers, Question
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.errors import LockStale, ResolutionError, SourceError, TarkError
from tarkpm.ops.change.propose import (
    Acquired,
    PluginRequest,
    ProposedChange,
    acquire_direct,
    propose,
    target_of,
)
from tarkpm.ops.change.target import check_target
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.workspace import Workspace


class HeldBack(msgspec.Struct, frozen=True):
    """Why an update leaves a plugin as it is: ``questions`` that only the user can answer, or an ``error``.

    ``entry`` is the release it would lead to, None if that is not known.
    """

    entry: LockEntry | None = None
    questions: tuple[Question, ...] = ()
    error: TarkError | None = None


class Foresight(msgspec.Struct, frozen=True):
    """The ``lock`` after an update of every plugin that is not ``held``, and notes.

    ``found`` is what git and folders hold now. The lock is the present one if every update would fail.
    """

    lock: Lock
    held: Mapping[PluginName, HeldBack]
    found: Mapping[PluginName, LockEntry]
    notes: tuple[str, ...]


def foresee(workspace: Workspace) -> Foresight:
    """Propose an update of everything, then of everything but what the last proposal could not take.

    The last proposal is what `update` does for the remaining plugins, so nothing is promised that it refuses.
    Raises `IndexUntrusted`.
    """
    requirements = workspace.project.requirements
    names = list(dict.fromkeys((*requirements, *(entry.name for entry in workspace.lock.entries))))
    acquired = acquire_direct(workspace, map(PluginRequest.of, requirements.values()))
    found = {name: release.candidate.entry() for name, release in acquired.releases.items()}
    held = {name: HeldBack(error=problem) for name, problem in acquired.refused.items()}
    failing: list[str] = []
    unasked = False
    while True:
        moving = [name for name in names if name not in held]
        try:
            proposal = _propose(workspace, acquired, moving)
        except (ResolutionError, SourceError) as problem:
            if unasked or failing:
                return Foresight(workspace.lock, held, found, tuple(failing))
            indexed = _of_indexes(workspace, moving)
            unreached = dict(_unreached(workspace, indexed)) if isinstance(problem, SourceError) else {}
            unasked = bool(unreached)
            if len(unreached) < len(indexed) or not indexed:
                failing.append(_failing(problem))
            # what git and folders hold can be taken without a choice among releases of indexes
            held |= {name: HeldBack(error=unreached.get(name)) for name in indexed}
            continue
        blocked = {name: why for name, why in _blocked(workspace, proposal, moving) if name not in held}
        if not blocked:
            break
        held |= blocked
    try:
        target = target_of(workspace, proposal.admissions, proposal.kept)
        lock = check_target(workspace, target, foresees=True).lock
    except TarkError as problem:
        lock = workspace.lock
        # The row of a plugin that is held back says why. Here it matters only to plugins that could move.
        is_told = isinstance(problem, LockStale) and set(problem.plugins) <= held.keys()
        if not is_told or _moves(workspace, proposal, held):
            failing.append(_failing(problem))
    return Foresight(lock, held, found, (*failing, *proposal.notes))


def _propose(workspace: Workspace, acquired: Acquired, moving: Collection[PluginName]) -> ProposedChange:
    requirements = workspace.project.requirements
    requests = [PluginRequest.of(requirements[name]) for name in moving if name in requirements]
    return propose(workspace, requests, acquired.only(moving), Answers(), free=moving)


def _unreached(
    workspace: Workspace, names: Collection[PluginName]
) -> Iterator[tuple[PluginName, SourceError]]:
    """Yield the plugins of indexes that cannot be asked, each with the error of its index."""
    by_source: dict[IndexSource, list[PluginName]] = {}
    for name in names:
        requirement, entry = workspace.project.requirements.get(name), workspace.lock.get(name)
        source = requirement.source if requirement else entry.source if entry else None
        if isinstance(source, IndexSource):
            by_source.setdefault(source, []).append(name)
    for source, several in by_source.items():
        try:
            workspace.resource(Indexes).listings(source, several)
        except SourceError as problem:
            yield from ((name, problem) for name in several)


def _moves(workspace: Workspace, proposal: ProposedChange, held: Collection[PluginName]) -> bool:
    """Return whether a proposal takes a release of a plugin that is not held back."""
    taken = [one.candidate.entry() for one in proposal.releases]
    return any(entry.name not in held and workspace.lock.get(entry.name) != entry for entry in taken)


def _failing(problem: TarkError) -> str:
    return f"an update would fail: {problem.message}"


def _of_indexes(workspace: Workspace, names: Collection[PluginName]) -> list[PluginName]:
    requirements = workspace.project.requirements
    return [
        name
        for name in names
        if name not in requirements or isinstance(requirements[name].source, IndexSource)
    ]


def _blocked(
    workspace: Workspace, proposal: ProposedChange, moving: Collection[PluginName]
) -> Iterator[tuple[PluginName, HeldBack]]:
    """Yield the plugins that a proposal cannot move without a decision, or at all."""
    entries = {one.candidate.manifest.name: one.candidate.entry() for one in proposal.releases}
    reasons = {name: HeldBack(entries.get(name), error=why) for name, why in proposal.refused.items()}
    for admission in proposal.admissions:
        if admission.questions:
            name = admission.change.name
            reasons[name] = HeldBack(entries[name], admission.questions)
    for name, why in reasons.items():
        if name in moving:
            yield name, why
            continue
        # a dependency that is new, or is held back already: what needs its new release stays, too
        needing = [one.name for one in entries.values() if any(need.name == name for need in one.requires)]
        for other in [one for one in needing if one in moving] or _of_indexes(workspace, moving):
            yield other, why
