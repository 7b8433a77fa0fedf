"""Propose a change: fetch, select and weigh releases. Nobody is asked, and nothing on this machine changes.

`update`, `lock`, `add` and `outdated` all start here, so that what one of them shows is what another does.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from tarkpm.core.binding import Origin
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.consent import Admission, Answers
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.names import MANIFEST
from tarkpm.core.policy import admit
from tarkpm.core.project import Project
from tarkpm.core.project_edit import ProjectEdit, edit, new
from tarkpm.core.release import GitSource, IndexSource, OciSource, PluginName, Requirement, Source, folded
from tarkpm.core.resolution.resolver import check_names
from tarkpm.core.text import some
from tarkpm.core.trust import NOBODY
from tarkpm.errors import ResolutionError, TarkError
from tarkpm.ops.change.abandoned import abandoned
from tarkpm.ops.change.define import with_pins
from tarkpm.ops.change.select import select_releases
from tarkpm.ops.change.target import Target
from tarkpm.ops.project.conflict import former
from tarkpm.ops.project.release_ages import ReleaseAges, keep_waiting
from tarkpm.ops.project.tark_version import tark_version
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.facts import known_manifest
from tarkpm.ops.release.fetch import Release
from tarkpm.ops.release.identity import judged_identity
from tarkpm.ops.release.latest import acquire_each, stored_release
from tarkpm.ops.release.team_check import check_admission


class PluginRequest(msgspec.Struct, frozen=True):
    """A plugin that a verb requests: the release at ``source``, which must be ``name`` if that is given.

    For an index, ``range`` limits the versions; "" is the newest, and its caret range is recorded.
    """

    source: Source
    name: PluginName | None = None
    range: str = ""

    @classmethod
    def of(cls, requirement: Requirement) -> "PluginRequest":
        """Return the request that repeats a requirement of tark.toml."""
        return cls(requirement.source, requirement.name, requirement.range)


class Acquired(msgspec.Struct, frozen=True):
    """The releases that all but indexes hold now, by plugin, and the ``refused`` ones by requested plugin."""

    requirements: Mapping[PluginName, Requirement]
    releases: Mapping[PluginName, Release]
    refused: Mapping[PluginName, TarkError] = {}

    def only(self, names: Collection[PluginName]) -> "Acquired":
        """Return what was acquired of these plugins."""
        return Acquired(
            {name: one for name, one in self.requirements.items() if name in names},
            {name: one for name, one in self.releases.items() if name in names},
        )


class ProposedChange(msgspec.Struct, frozen=True):
    """What a change would take, what that means, and which locked entries stay.

    ``asked`` are the requested plugins, ``refused`` releases that no answer of the user can let in.
    """

    asked: tuple[PluginName, ...]
    releases: tuple[Release, ...]
    admissions: tuple[Admission, ...]
    kept: tuple[LockEntry, ...]
    notes: tuple[str, ...]
    refused: Mapping[PluginName, TarkError]


def acquire_direct(workspace: Workspace, requests: Iterable[PluginRequest]) -> Acquired:
    """Fetch and verify the requested releases of all but indexes: only their plugin.toml says what they are.

    A release that is refused does not keep the others from being looked at. Where one is too young, the
    locked release stays. Raises what concerns a request without a name, and two requests for one plugin.
    """
    direct = [(one, one.source) for one in requests if not isinstance(one.source, IndexSource)]
    sources = [source for _, source in direct]
    acquired = acquire_each(workspace, sources, _locked(workspace, sources))
    requirements: dict[PluginName, Requirement] = {}
    releases: dict[PluginName, Release] = {}
    refused: dict[PluginName, TarkError] = {}
    names: list[tuple[PluginName | None, PluginName]] = []
    present = {folded(name): name for name in workspace.project.requirements}
    for (request, source), release in zip(direct, acquired, strict=True):
        try:
            if isinstance(release, TarkError):
                raise release
            name = release.candidate.manifest.name
            check_names([request.name], [name], present)
            found = release.candidate
            waits = keep_waiting(workspace, name, found.manifest.version, found.source, asked=source)
        except TarkError as problem:
            if request.name is None:
                raise
            refused[request.name] = problem
            continue
        names.append((request.name, name))
        if waits:
            requirements[name] = workspace.project.requirements.get(name, Requirement(name, source))
        else:
            requirements[name], releases[name] = Requirement(name, source), release
    check_names([asked for asked, _ in names], [name for _, name in names], present)
    return Acquired(requirements, releases, refused)


def _locked(workspace: Workspace, sources: Iterable[Source]) -> dict[Source, LockEntry]:
    """Return the locked entries by the requested source that leads to each."""
    entries = workspace.followed.entries
    exact: dict[Source, LockEntry] = {entry.source.unpinned(): entry for entry in entries}
    places = {Origin.of(entry.source): entry for entry in entries}
    for source in sources:
        if isinstance(source, GitSource | OciSource) and source.tag_range:
            entry = places.get(Origin.of(source))
            if entry and source.leads_to(entry.source):
                exact[source] = entry
    return exact


def propose(
    workspace: Workspace,
    requests: Collection[PluginRequest],
    acquired: Acquired,
    answers: Answers,
    *,
    free: Collection[PluginName] | None = (),
    completing: bool = False,
) -> ProposedChange:
    """Select a release for every requirement and dependency, and weigh each that is taken.

    ``acquired`` is what `acquire_direct` returned for these requests. Plugins of indexes keep their locked
    version unless they are in ``free`` (None: all) or cannot. With ``completing``, locked entries get what an
    older tarkpm did not write: releases without pins are taken again and asked for their tools, the others
    get what they declare. Raises `ResolutionError`, `Unreachable`, `IndexUntrusted`, `NotFound`.
    """
    asked = {**acquired.requirements, **{one.name: one for one in _from_indexes(requests)}}
    requirements = {**workspace.project.requirements, **asked}
    direct = list(acquired.releases.values())
    choice = select_releases(workspace, requirements, direct, free)
    refused = {**acquired.refused, **choice.refused}
    # Code of a release that no prompt lets in is not run, not even to define its tools.
    # What was just acquired is among the kept, and is asked anyway.
    locked = [entry for entry in choice.kept if entry.name not in acquired.releases]
    again = _unpinned(workspace, locked) if completing else {}
    kept = [entry for entry in choice.kept if entry.name not in again]
    taken = (*direct, *choice.taken, *again.values())
    open_ = [one for one in taken if _may_run(workspace, requirements, one, answers)]
    defined = {one.candidate.manifest.name: one for one in with_pins(workspace, open_)}
    releases = [defined.get(one.candidate.manifest.name, one) for one in taken]
    admissions = []
    for release in releases:
        name = release.candidate.manifest.name
        try:
            admissions.append(weigh(workspace, _settle(requirements.get(name), release), release, answers))
        except TarkError as problem:
            refused[name] = problem
    return ProposedChange(
        tuple(asked),
        tuple(releases),
        tuple(admissions),
        completed(workspace, kept) if completing else tuple(kept),
        choice.notes,
        refused,
    )


def _unpinned(workspace: Workspace, kept: Iterable[LockEntry]) -> dict[PluginName, Release]:
    """Return the locked releases without pins that the store has; an older tarkpm did not pin them."""
    unpinned = [entry for entry in kept if entry.is_unpinned]
    found = {entry.name: stored_release(workspace, entry) for entry in unpinned}
    if missing := [name for name, release in found.items() if release is None]:
        again = "run tarkpm sync --reinstall, then tarkpm lock"
        workspace.ui.note(
            f"their tools are not pinned, and the cache lacks their files: {some(missing)}; {again}"
        )
    return {name: release for name, release in found.items() if release is not None}


def _may_run(
    workspace: Workspace, requirements: Mapping[PluginName, Requirement], release: Release, answers: Answers
) -> bool:
    """Return whether a release is admitted, or may be at a prompt."""
    requirement = _settle(requirements.get(release.candidate.manifest.name), release)
    try:
        questions = weigh(workspace, requirement, release, answers).questions
    except TarkError:
        return False
    return all(question.askable for question in questions)


def _from_indexes(requests: Iterable[PluginRequest]) -> Iterator[Requirement]:
    """Yield what is required of indexes. Raises `ResolutionError` for two requests for one plugin."""
    seen: set[str] = set()
    for request in requests:
        if isinstance(request.source, IndexSource) and request.name is not None:
            if folded(request.name) in seen:
                raise ResolutionError(f"'{request.name}' is requested twice", hint="name it once")
            seen.add(folded(request.name))
            yield Requirement(request.name, request.source, range=request.range)


def _settle(requirement: Requirement | None, release: Release) -> Requirement | None:
    """Return the requirement for tark.toml: without a range it gets that of the chosen version."""
    if requirement is None or requirement.range or not isinstance(requirement.source, IndexSource):
        return requirement
    return msgspec.structs.replace(requirement, range=f"^{release.candidate.manifest.version}")


def weigh(
    workspace: Workspace, requirement: Requirement | None, release: Release, answers: Answers
) -> Admission:
    """Return what admitting ``release`` means; ``requirement`` None makes it a dependency.

    Raises what `admit` raises, and `PolicyViolation`: no answer lets in what a team policy forbids.
    """
    admission = admit(
        release.candidate,
        requirement,
        workspace.project,
        locked=former(workspace, release.candidate),
        declared_before=_declared_before(workspace, release),
        answers=answers,
        accepted=workspace.record.accepted.plugins.get(release.candidate.manifest.name),
        vouched=workspace.vouched if isinstance(release.candidate.source, IndexSource) else NOBODY,
        judged=judged_identity(workspace, requirement, release, answers),
    )
    check_admission(workspace, admission)
    return admission


def _declared_before(workspace: Workspace, release: Release) -> CapabilitySet | None:
    """Return what the locked release declares, if ``release``, the store or the environment has it."""
    entry = workspace.followed.get(release.candidate.manifest.name)
    if entry is None:
        return None
    locked = next((file for file in entry.files if file.name == MANIFEST), None)
    if locked and locked in release.candidate.files:
        return release.candidate.manifest.capabilities
    return _declared_here(workspace, entry)


def _declared_here(workspace: Workspace, entry: LockEntry) -> CapabilitySet | None:
    """Return what a locked release declares, from the plugin.toml of its digest; None if it is not here."""
    manifest = known_manifest(workspace, entry)
    return manifest.capabilities if manifest else None


def completed(workspace: Workspace, entries: Iterable[LockEntry]) -> tuple[LockEntry, ...]:
    """Return the entries as version 2 of the lock has them, as far as this machine knows the releases."""
    return tuple(
        entry
        if entry.is_complete
        else msgspec.structs.replace(entry, capabilities=_declared_here(workspace, entry))
        for entry in entries
    )


def target_of(workspace: Workspace, admissions: Iterable[Admission], kept: Iterable[LockEntry]) -> Target:
    """Return the project and lock that follow from ``admissions`` and the ``kept`` entries."""
    chosen = list(admissions)
    entries = {entry.name: entry for entry in kept}
    entries |= {admission.change.name: admission.candidate.entry() for admission in chosen}
    text = workspace.project_bytes if workspace.project_bytes is not None else new()
    changed = [admission.change for admission in chosen if differs(workspace.project, admission)]
    changed += [ProjectEdit(name) for name in abandoned(workspace.project, workspace.lock, entries)]
    version = None if workspace.project.tark_version else tark_version(workspace.settings.search_path)
    any_age = workspace.resource(ReleaseAges).names(entries)
    identities = {one.change.name: one.identity for one in chosen if one.identity}
    edited = text
    if changed or any_age:
        edited = edit(text, changed, tark_version=version, any_age=any_age, identities=identities)
    project = Project.parse(edited, where=str(workspace.location.project_file))
    project_bytes = edited if edited != workspace.project_bytes else None
    return Target(project, Lock.of(entries.values()), project_bytes, decided=True)


def differs(project: Project, admission: Admission) -> bool:
    """Return whether an admission changes tark.toml."""
    change = admission.change
    held = (
        project.requirements.get(change.name),
        project.trust.get(change.name, ()),
        project.granted(change.name),
    )
    # No release proves another identity than the one that was asked for: only ids are added.
    known = project.identities.get(change.name)
    asks = admission.identity not in (None, known)
    return asks or held != (change.requirement, change.trust, change.grants)
