"""Admission: weigh acquired releases, show what accepting them means, and ask once."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.policy import Admission, Answers, admit, consent_error
from tarkpm.core.project import Project, ProjectEdit, edit, new
from tarkpm.core.release import IndexSource, PluginName, Requirement, Source
from tarkpm.core.resolution.resolver import check_names
from tarkpm.core.trust import NOBODY
from tarkpm.errors import (
    CapabilityWidened,
    ConsentError,
    KeyChanged,
    KeyUnknown,
    TarkError,
    UnmanagedRefused,
)
from tarkpm.ops.change.adopt import Adoption, adoption_rows, adoptions, with_question
from tarkpm.ops.change.select import select_releases
from tarkpm.ops.change.target import CheckedTarget, Target, check_target
from tarkpm.ops.project.tark_version import tark_version
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.card import card
from tarkpm.ops.release.fetch import Release, acquire
from tarkpm.ops.release.installed import installed_manifest


class Declined(ConsentError):
    """The user declined. Nothing was changed."""


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


class AgreedChange(msgspec.Struct, frozen=True):
    """A change the user agreed to: the target, the bytes of its releases, and unmet dependencies as notes.

    ``names`` are the requested plugins and those that changed with them; ``changed`` only the latter.
    """

    target: CheckedTarget
    releases: tuple[Release, ...]
    names: tuple[PluginName, ...]
    changed: tuple[PluginName, ...]
    unmet: tuple[str, ...]
    adopted: tuple[Adoption, ...] = ()


def agree(
    workspace: Workspace,
    requests: list[PluginRequest],
    answers: Answers,
    *,
    free: Collection[PluginName] | None = (),
    adopting: bool = False,
) -> AgreedChange:
    """Select, fetch, verify, weigh, show and ask; nothing on this machine's project changes yet.

    Plugins of indexes keep their locked version unless they are in ``free`` (None: all) or cannot. With
    ``adopting``, unmanaged folders may be moved aside. Raises `SourceError`, `VerificationError`,
    `ResolutionError`, `ConsentError`, or `Declined`.
    """
    # 1. Fetch and verify what git and folders hold: only their plugin.toml says which plugin it is.
    direct, releases = _acquire_direct(workspace, requests)
    asked = {requirement.name: requirement for requirement in (*direct, *_from_indexes(requests))}
    requirements = {**workspace.project.requirements, **asked}
    # 2. Select a release for every requirement and dependency; fetch and verify what is not locked.
    choice = select_releases(workspace, requirements, releases, free)
    # 3. Weigh each release against the project, the lock and what this user accepted before
    #    (docs/trust-rules.md, rules 4 to 7).
    admissions = [
        weigh(
            workspace, _settle(requirements.get(release.candidate.manifest.name), release), release, answers
        )
        for release in (*releases, *choice.taken)
    ]
    adopted = {a.change.name: adoptions(workspace, a.candidate) for a in admissions} if adopting else {}
    admissions = [with_question(a, adopted.get(a.change.name, ()), agreed=answers.adopt) for a in admissions]
    # 4. Check the lock and project that would result, before the user is asked: a question about a change
    #    that cannot be applied is noise (docs/trust-rules.md, rule 2).
    target = check_target(workspace, target_of(workspace, admissions, choice.kept))
    changed = changed_names(workspace.followed, target.lock)
    # 5. Show what changes and ask once (docs/trust-rules.md, rule 9).
    shown = {*changed, *(name for name, found in adopted.items() if found)}
    news = [a for a in admissions if a.change.name in shown or a.questions or _differs(workspace.project, a)]
    ask(workspace, news, adopted)
    names = tuple(dict.fromkeys((*asked, *changed)))
    return AgreedChange(
        target,
        (*releases, *choice.taken),
        names,
        changed,
        (*choice.notes, *_unchecked(target, names)),
        tuple(one for found in adopted.values() for one in found),
    )


def _acquire_direct(
    workspace: Workspace, requests: list[PluginRequest]
) -> tuple[list[Requirement], list[Release]]:
    """Fetch the releases of git and folder sources, and return the requirements they mean."""
    requests = [request for request in requests if not isinstance(request.source, IndexSource)]
    sources = [request.source for request in requests if not isinstance(request.source, IndexSource)]
    releases = acquire(workspace, sources)
    names = [release.candidate.manifest.name for release in releases]
    check_names([request.name for request in requests], names, workspace.project.requirements)
    return [Requirement(name, source) for name, source in zip(names, sources, strict=True)], releases


def _from_indexes(requests: list[PluginRequest]) -> Iterator[Requirement]:
    for request in requests:
        if isinstance(request.source, IndexSource) and request.name is not None:
            yield Requirement(request.name, request.source, range=request.range)


def _settle(requirement: Requirement | None, release: Release) -> Requirement | None:
    """Return the requirement for tark.toml: without a range it gets that of the chosen version."""
    if requirement is None or requirement.range or not isinstance(requirement.source, IndexSource):
        return requirement
    return msgspec.structs.replace(requirement, range=f"^{release.candidate.manifest.version}")


def _unchecked(target: Target, names: Iterable[PluginName]) -> list[str]:
    """Return notes about minimum tark versions that could not be checked."""
    if target.project.tark_version:
        return []
    entries = [target.lock.by_name[name] for name in names]
    return [
        f"'{entry.name}' requires tark {entry.min_tark_version} or newer; this was not checked because "
        "tark.toml sets no [tark] version"
        for entry in entries
        if entry.min_tark_version
    ]


def weigh(
    workspace: Workspace, requirement: Requirement | None, release: Release, answers: Answers
) -> Admission:
    """Return what admitting ``release`` means; ``requirement`` None makes it a dependency."""
    name = release.candidate.manifest.name
    return admit(
        release.candidate,
        requirement,
        workspace.project,
        locked=workspace.followed.get(name),
        declared_before=_declared_before(workspace, name),
        answers=answers,
        accepted=workspace.record.accepted.plugins.get(name),
        vouched=workspace.vouched if isinstance(release.candidate.source, IndexSource) else NOBODY,
    )


def _declared_before(workspace: Workspace, name: PluginName) -> CapabilitySet | None:
    """Return what the locked release declares, from the store or the environment; None if neither has it."""
    entry = workspace.followed.get(name)
    if entry is None:
        return None
    locked = next((file for file in entry.files if file.name == MANIFEST), None)
    try:
        if locked and workspace.store.has(locked):
            return Manifest.parse(workspace.store.read(locked)).capabilities
        return installed_manifest(workspace, entry).capabilities
    except TarkError:
        return None


def target_of(workspace: Workspace, admissions: Iterable[Admission], kept: Iterable[LockEntry]) -> Target:
    """Return the project and lock that follow from ``admissions`` and the ``kept`` entries."""
    chosen = list(admissions)
    entries = {entry.name: entry for entry in kept}
    entries |= {admission.change.name: admission.candidate.entry() for admission in chosen}
    text = workspace.project_bytes if workspace.project_bytes is not None else new()
    changed = [admission.change for admission in chosen if _differs(workspace.project, admission)]
    changed += [ProjectEdit(name) for name in abandoned(workspace.project, workspace.lock, entries)]
    version = None if workspace.project.tark_version else tark_version(workspace.settings.search_path)
    edited = edit(text, changed, tark_version=version) if changed else text
    project = Project.parse(edited, where=str(workspace.location.project_file))
    project_bytes = edited if edited != workspace.project_bytes else None
    return Target(project, Lock.of(entries.values()), project_bytes, decided=True)


def abandoned(project: Project, old: Lock, entries: Collection[str]) -> list[PluginName]:
    """Return the former dependencies that nothing requires any longer: their grants are removed with them."""
    return [
        entry.name
        for entry in old.entries
        if entry.name not in entries and entry.name not in project.requirements
    ]


def _differs(project: Project, admission: Admission) -> bool:
    change = admission.change
    held = (
        project.requirements.get(change.name),
        project.trust.get(change.name, ()),
        project.granted(change.name),
    )
    return held != (change.requirement, change.trust, change.grants)


def ask(
    workspace: Workspace,
    admissions: list[Admission],
    adopted: Mapping[PluginName, Collection[Adoption]] | None = None,
) -> None:
    """Show one card per plugin and ask once.

    Raises `Declined`, or the `ConsentError` of a question that cannot be asked here.

    ``-y`` answers "Proceed?" and never a question about a key, a capability or an unsigned release
    (docs/trust-rules.md, rule 9).
    """
    questions = [question for admission in admissions for question in admission.questions]
    ui, settings = workspace.ui, workspace.settings
    if not admissions:
        return
    plugins, found = workspace.environment.plugins, adopted or {}
    ui.show([card(workspace, a, adoption_rows(found.get(a.change.name, ()), plugins)) for a in admissions])
    # an unsigned, older or republished release takes a typed flag: no prompt asks for it
    # (docs/trust-rules.md, rules 4 and 7)
    if any(not question.askable for question in questions) or (questions and not ui.interactive):
        raise consent_error(questions, settings.command)
    if settings.dry_run or not ui.interactive or (settings.yes and not questions):
        return
    if not ui.confirm(_prompt(admissions)):
        raise Declined("declined: nothing was changed")


_PROMPTS: Final[Mapping[type[ConsentError], str]] = {
    KeyUnknown: "trust this key",
    KeyChanged: "trust this key",
    CapabilityWidened: "grant these capabilities",
    UnmanagedRefused: "put the folder aside",
}


def _prompt(admissions: list[Admission]) -> str:
    """Return the one question that covers every question of ``admissions``."""
    kinds = {question.error for admission in admissions for question in admission.questions}
    asked = dict.fromkeys(text for kind, text in _PROMPTS.items() if kind in kinds)
    sentence = " and ".join([", ".join(asked), "install"] if asked else ["proceed"])
    return f"{sentence[0].upper()}{sentence[1:]}?"


def changed_names(old: Lock, new_lock: Lock) -> tuple[PluginName, ...]:
    """Return the plugins whose lock entry is new or different."""
    return tuple(entry.name for entry in new_lock.entries if old.get(entry.name) != entry)
