"""Bring a project to the documents of one of its generations: what `rollback` and `bisect` do.

They are treated as if they had been pulled: nothing comes back that was revoked, and what goes beyond what
this user accepts now is asked about (docs/trust-rules.md, rules 0, 3 and 8).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.difference import Documents
from tarkpm.core.generation import GenerationChange, generation_changes
from tarkpm.core.lockfile import Lock, LockEntry, render, rewritten
from tarkpm.core.plan import Plan
from tarkpm.core.project import Project
from tarkpm.core.release import IndexSource, PathSource, PluginName
from tarkpm.core.resolution.resolver import unmet_dependencies
from tarkpm.core.verification import verify_release
from tarkpm.core.widening import widenings
from tarkpm.core.withdrawn import yanked_notes
from tarkpm.errors import (
    Edited,
    NotFound,
    PolicyViolation,
    ProjectNotAccepted,
    StoreError,
    TarkError,
    Unreachable,
)
from tarkpm.ops.change.apply import apply, preview_deletions
from tarkpm.ops.change.data_history import (
    ReturningData,
    data_notes,
    returning_data,
    to_restore,
)
from tarkpm.ops.change.history import (
    LOG,
    documents_of,
    history_of,
    next_generations,
)
from tarkpm.ops.change.planning import make_plan
from tarkpm.ops.change.stage import check_installable
from tarkpm.ops.change.sync_change import SyncChange, sync_changes
from tarkpm.ops.change.target import CheckedTarget, Target, check_target
from tarkpm.ops.project.acceptance import Wording, decisions, require_agreement
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import read_folder
from tarkpm.store.history import Generation
from tarkpm.store.state import Record


class RestoredData(msgspec.Struct, frozen=True):
    """A plugin whose data is what it was ``before`` a generation."""

    plugin: str
    before: int


class RollbackReport(msgspec.Struct, frozen=True):
    """The generation ``to`` which the project went back, and what changed.

    ``generation`` is the number of the new one, 0 if nothing changed. ``plugins`` is how the documents
    changed, and ``changes`` are the plugins that were installed and removed. ``data`` are the plugins whose
    data came back.
    """

    to: int
    generation: int
    plugins: tuple[GenerationChange, ...]
    changes: tuple[SyncChange, ...]
    notes: tuple[str, ...] = ()
    data: tuple[RestoredData, ...] = ()


class GoingBack(msgspec.Struct, frozen=True):
    """A way back that passed every check.

    ``accepted`` is the record once it is applied, ``data`` the data that replaces what plugins stored.
    """

    generation: Generation
    target: CheckedTarget
    plan: Plan
    accepted: Record
    report: RollbackReport
    data: tuple[ReturningData, ...] = ()


def check_way(
    workspace: Workspace,
    generation: Generation,
    base: Acceptance,
    *,
    asking: bool,
    with_data: bool = False,
) -> GoingBack:
    """Check everything, and change nothing on disk. ``base`` is what this user accepts.

    Without ``asking``, decisions beyond that are refused, not asked about. ``with_data`` also brings back
    what plugins stored. Afterwards the workspace has the generation's documents. Raises what `sync` raises.
    """
    was, documents = _present(workspace), documents_of(generation)
    # 1. From here on, its documents are the project's, as after a pull. The bytes on disk, which `apply`
    #    replaces, stay known.
    workspace.project, workspace.lock = documents.project or Project(), documents.lock
    workspace.require_built_here()
    # 2. Consent, before the network. What was accepted is recorded with the change, or not at all.
    accepted = _agreed(workspace, generation, base, asking=asking)
    # 3. Revocations and signers, as this machine knows them now.
    unasked = tuple(_ask_indexes(workspace, was))
    with _naming(generation):
        target = _checked(workspace, generation)
        plan = make_plan(workspace, target, needs_copies=True)
    # 4. What plugins stored, and what of it can come back.
    found = returning_data(workspace, target, generation)
    data = to_restore(found) if with_data else ()
    changes = tuple(sync_changes(workspace, plan))
    stays = data_notes(workspace, {one.name for one in changes}, found, with_data=with_data)
    report = RollbackReport(
        generation.number,
        _next_number(workspace, target, data_changes=bool(data)),
        generation_changes(was, Documents(target.lock, target.project)) if was else (),
        changes,
        (*unasked, *_notes(workspace, target.lock), *stays),
        tuple(RestoredData(one.plugin, one.before) for one in data),
    )
    return GoingBack(generation, target, plan, accepted, report, data)


def go(workspace: Workspace, way: GoingBack) -> None:
    """Apply a way back, or foresee it in a dry run."""
    with _naming(way.generation):
        if workspace.settings.dry_run:
            check_installable(workspace, way.plan.install)
            preview_deletions(workspace, way.plan)
        else:
            workspace.prepare()
            workspace.expect(way.accepted)
            apply(workspace, way.target, way.plan, returning=way.data)


def wanted_documents(generation: Generation) -> tuple[str, str]:
    """Return the documents to write: a project that had no lock yet gets an empty one."""
    return generation.project, generation.lock or render(Lock()).decode()


def _present(workspace: Workspace) -> Documents | None:
    """Return the documents as they are or, if those cannot be parsed, of the newest generation that can."""
    try:
        return Documents(workspace.lock, workspace.project)
    except TarkError:
        newest = history_of(workspace).newest()
    try:
        return documents_of(newest) if newest else None
    except TarkError:
        return None


def _agreed(workspace: Workspace, generation: Generation, base: Acceptance, *, asking: bool) -> Record:
    """Return the record once the generation's decisions are accepted. Raises `ProjectNotAccepted`."""
    decided, record = decisions(workspace), workspace.record
    number, command = generation.number, workspace.settings.command
    wording = Wording(
        decisions=f"the decisions of generation {number}",
        file=f"{workspace.location.project_file} of generation {number}",
        look=f"tarkpm show {number}",
        accept=f"{command} --accept-project={decided.digest}",
    )
    new = widenings(decided, base)
    if asking:
        require_agreement(workspace, decided, new, wording)
    elif new:
        text = f"it goes beyond what you accept now: {'; '.join(map(str, new))}"
        raise ProjectNotAccepted(text, where=wording.file, hint=wording.look)
    accepted = decided.remembering(base)
    if accepted == record.accepted:
        return record
    return msgspec.structs.replace(record, accepted=accepted, accepted_at=int(time.time()))


def _ask_indexes(workspace: Workspace, was: Documents | None) -> Iterator[str]:
    """Learn what the indexes revoked since; yields a note for each that cannot be asked.

    Claims that are known already need no request elsewhere. Here they may be old: a release that is locked
    again was of no interest in the meantime.
    """
    returning: dict[IndexSource, list[PluginName]] = {}
    known = {index.source for index in workspace.project.indexes.values()}
    for entry in workspace.lock.entries:
        stays = was is not None and entry.same_as(was.lock.get(entry.name))
        if isinstance(entry.source, IndexSource) and entry.source in known and not stays:
            returning.setdefault(entry.source, []).append(entry.name)
    for source, names in returning.items() if not workspace.settings.offline else ():
        try:
            workspace.resource(Indexes).learn(source, names)
        except Unreachable as problem:
            yield f"whether releases were revoked could not be checked: {problem.message}"


@contextmanager
def _naming(generation: Generation) -> Iterator[None]:
    """Name the generation in errors about its documents: their own hints are about those that are there."""
    try:
        yield
    except (Edited, StoreError, Unreachable):
        raise
    except TarkError as problem:
        problem.message = f"generation {generation.number} cannot come back: {problem.message}"
        if not isinstance(problem, PolicyViolation):
            problem.hint = LOG
        raise


def _checked(workspace: Workspace, generation: Generation) -> CheckedTarget:
    """Return the target. Raises what `check_target` raises."""
    project, lock = (text.encode() for text in wanted_documents(generation))
    workspace.resource(Indexes).learn_publishers(workspace.lock.entries)
    present = Lock.of(_as_it_is(workspace, entry) for entry in workspace.lock.entries)
    lock = rewritten(present, lock, workspace.lock)
    return check_target(workspace, Target(workspace.project, present, project, decided=True, lock_bytes=lock))


def _next_number(workspace: Workspace, target: CheckedTarget, *, data_changes: bool) -> int:
    """Return the number of the generation that this makes, 0 if documents and data stay as they are."""
    project, lock = target.project_bytes or b"", target.lock_bytes or b""
    if not data_changes and (project, lock) == (workspace.project_bytes, workspace.lock_bytes):
        return 0
    made = next_generations(workspace, project, lock, {}, data_changes=data_changes)
    return made[-1].number if made else 0


def _as_it_is(workspace: Workspace, entry: LockEntry) -> LockEntry:
    """Return the entry of a working copy as its folder is now: no generation has its files."""
    if not isinstance(entry.source, PathSource):
        return entry
    try:
        collected = read_folder(workspace.location.folder, entry.source)
    except NotFound:
        return entry
    return verify_release(collected.files, None, entry.source, where=str(entry.source)).entry()


def _notes(workspace: Workspace, lock: Lock) -> Iterator[str]:
    yield from map(str, unmet_dependencies(lock.entries))
    yield from yanked_notes(lock.entries, workspace.vouched)
    if copies := [entry.name for entry in lock.entries if entry.is_working_copy]:
        yield f"working copies stay as they are now: {', '.join(copies)}"
