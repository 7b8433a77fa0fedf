"""Weigh acquired releases, show what taking them means, and ask once."""

from collections.abc import Iterable

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.lockfile import Lock
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.policy import Admission, Answers, admit, consent_error
from tarkpm.core.project import Project, edit, new
from tarkpm.core.release import PluginName, Requirement, Source
from tarkpm.core.resolver import check_names, resolve
from tarkpm.errors import ConsentError, TarkError
from tarkpm.ops.acquire import Release, acquire
from tarkpm.ops.cards import card
from tarkpm.ops.context import Workspace
from tarkpm.ops.installed import installed_manifest
from tarkpm.ops.target import CheckedTarget, Target, check_target
from tarkpm.ops.tark import tark_version


class Declined(ConsentError):
    """The user said no. Nothing was changed."""


class Taking(msgspec.Struct, frozen=True):
    """Releases the user agreed to take: the target they lead to, their bytes, and what they leave unmet."""

    target: CheckedTarget
    releases: tuple[Release, ...]
    names: tuple[PluginName, ...]
    changed: tuple[PluginName, ...]
    unmet: tuple[str, ...]


def take(workspace: Workspace, wanted: list[tuple[PluginName | None, Source]], answers: Answers) -> Taking:
    """Fetch, verify, weigh, show and ask; nothing is changed yet.

    ``wanted`` are sources, each with the plugin it must hold; None takes what is there. Raises
    `SourceError`, `VerificationError`, `ResolutionError`, `ConsentError`, or `Declined`.
    """
    sources = [source for _, source in wanted]
    releases = acquire(workspace, sources)
    names = [release.candidate.manifest.name for release in releases]
    check_names([name for name, _ in wanted], names, workspace.project.requirements)
    admissions = [
        weigh(workspace, Requirement(release.candidate.manifest.name, source), release, answers)
        for source, release in zip(sources, releases, strict=True)
    ]
    proposed, unmet = target_of(workspace, admissions)
    target = check_target(proposed, allow_http=workspace.settings.allow_http)
    changed = changed_names(workspace.lock, target.lock)
    news = [a for a in admissions if a.change.name in changed or a.questions]
    ask(workspace, news)
    names_taken = tuple(admission.change.name for admission in admissions)
    return Taking(target, tuple(releases), names_taken, changed, (*unmet, *_unchecked(target, names_taken)))


def _unchecked(target: Target, names: Iterable[PluginName]) -> list[str]:
    """Sentences about minimums that nothing could be held against."""
    if target.project.tark_version:
        return []
    entries = [target.lock.by_name[name] for name in names]
    return [
        f"'{entry.name}' needs tark {entry.min_tark_version} or newer, which was not checked: "
        "tark.toml has no [tark] version"
        for entry in entries
        if entry.min_tark_version
    ]


def weigh(workspace: Workspace, requirement: Requirement, release: Release, answers: Answers) -> Admission:
    """What taking ``release`` for ``requirement`` means for this project."""
    return admit(
        release.candidate,
        requirement,
        workspace.project,
        locked=workspace.lock.get(requirement.name),
        declared_before=_declared_before(workspace, requirement.name),
        answers=answers,
    )


def _declared_before(workspace: Workspace, name: PluginName) -> CapabilitySet | None:
    """What the locked release declares, from the store or the environment; None if neither has it."""
    entry = workspace.lock.get(name)
    if entry is None:
        return None
    locked = next((file for file in entry.files if file.name == MANIFEST), None)
    try:
        if locked and workspace.store.has(locked):
            return Manifest.parse(workspace.store.read(locked)).capabilities
        return installed_manifest(workspace, entry).capabilities
    except TarkError:
        return None


def target_of(workspace: Workspace, admissions: Iterable[Admission]) -> tuple[Target, tuple[str, ...]]:
    """The project and lock that follow from taking ``admissions``, and the dependencies they leave unmet."""
    chosen = list(admissions)
    text = workspace.project_bytes if workspace.project_bytes is not None else new()
    changed = [admission.change for admission in chosen if _differs(workspace.project, admission)]
    version = None if workspace.project.tark_version else tark_version(workspace.settings.search_path)
    edited = edit(text, changed, tark_version=version) if changed else text
    project = Project.parse(edited, where=str(workspace.place.project_file))
    entries = [admission.candidate.entry() for admission in chosen]
    resolution = resolve(workspace.lock, entries, project.requirements)
    project_bytes = edited if edited != workspace.project_bytes else None
    return Target(project, resolution.lock, project_bytes, decided=True), resolution.unmet


def _differs(project: Project, admission: Admission) -> bool:
    change = admission.change
    held = (
        project.requirements.get(change.name),
        project.trust.get(change.name, ()),
        project.granted(change.name),
    )
    return held != (change.requirement, change.trust, change.grants)


def ask(workspace: Workspace, admissions: list[Admission]) -> None:
    """Show one card a plugin and ask once; raises the `ConsentError` of what nobody can answer.

    ``-y`` answers "proceed?" and never a question about a key, a capability or an unsigned release.
    """
    questions = [question for admission in admissions for question in admission.questions]
    ui, settings = workspace.ui, workspace.settings
    if not admissions:
        return
    if any(not question.askable for question in questions) or (questions and not ui.interactive):
        raise consent_error(questions, settings.command)
    ui.show([card(workspace, admission) for admission in admissions])
    if settings.dry_run or not ui.interactive or (settings.yes and not questions):
        return
    if not ui.confirm(_prompt(admissions)):
        raise Declined("declined: nothing was changed")


_PROMPTS = {"--trust": "trust this key", "--accept-capabilities": "grant these capabilities"}


def _prompt(admissions: list[Admission]) -> str:
    flags = {question.flag.split()[0] for admission in admissions for question in admission.questions}
    asked = [text for flag, text in _PROMPTS.items() if flag in flags]
    sentence = " and ".join([", ".join(asked), "install"] if asked else ["proceed"])
    return f"{sentence[0].upper()}{sentence[1:]}?"


def changed_names(old: Lock, new_lock: Lock) -> tuple[PluginName, ...]:
    """The plugins whose entry is new or different."""
    return tuple(entry.name for entry in new_lock.entries if old.get(entry.name) != entry)
