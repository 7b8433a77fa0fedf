"""The target of a change: the project and lock to reach, and the plan to get there."""

from collections.abc import Mapping

import msgspec

from tarkpm.core.lock_check import stale_entries
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, PluginName, Requirement
from tarkpm.core.trust import check_minimum
from tarkpm.errors import NotFound, TarkError, Unreachable
from tarkpm.ops.change.prove import require_proofs
from tarkpm.ops.project.external_check import ask_programs
from tarkpm.ops.project.proofs import check_signer
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release
from tarkpm.ops.release.team_check import check_entries
from tarkpm.ops.release.way_back import require_trusted
from tarkpm.sources.git.url import parse


class Selection(msgspec.Struct, frozen=True):
    """The selected releases: entries that stay, releases of indexes that replace others, and notes.

    ``refused`` are selected releases that could not be fetched or verified, by plugin.
    """

    kept: tuple[LockEntry, ...]
    taken: tuple[Release, ...]
    notes: tuple[str, ...]
    refused: Mapping[PluginName, TarkError] = {}


class Target(msgspec.Struct, frozen=True):
    """The project and lock to reach. ``project_bytes`` None leaves tark.toml alone.

    ``lock_bytes`` are the bytes that tark.lock had when it said what ``lock`` says; None writes it as it is
    written today.

    ``decided`` means that every decision in the project is this user's own: accepted before, or made through
    tarkpm just now. ``dropped`` are plugins that the user removed.
    """

    project: Project
    lock: Lock
    project_bytes: bytes | None = None
    decided: bool = False
    dropped: tuple[PluginName, ...] = ()
    lock_bytes: bytes | None = None


class CheckedTarget(Target, frozen=True):
    """A target that passed `check_target`; `apply` takes no other."""


def narrowing(target: Target) -> CheckedTarget:
    """Return a target that takes capabilities away and changes nothing else, without the other checks.

    It installs nothing, so whatever is wrong with another plugin must not keep the user from it.
    """
    return CheckedTarget(*msgspec.structs.astuple(target))


def check_target(
    workspace: Workspace, target: Target, *, removes: bool = False, foresees: bool = False
) -> CheckedTarget:
    """Raise unless every lock entry follows from the project and is trusted (docs/trust-rules.md, rule 2).

    Also checks the syntax of git URLs, fetched or not, and the team policies, unless the target only
    ``removes`` plugins. A target that is only shown, as one that ``foresees`` an update, asks no programs.
    Raises `Refused`, `LockStale`, `VerificationError`, `ConsentError`, `ResolutionError`.
    """
    _check_documents(workspace, target.project, target.lock)
    # Removing a plugin must not need what the others come from.
    if not removes:
        require_proofs(workspace, target.project, target.lock.entries)
    for entry in target.lock.entries:
        require_trusted(workspace, target.project, entry)
    # A plugin that is forbidden must not keep the user from removing it, or another one.
    if not removes:
        check_entries(workspace, target.project, target.lock.entries)
        if not foresees:
            ask_programs(workspace, target.project, target.lock)
    return CheckedTarget(*msgspec.structs.astuple(target))


def check_follows(workspace: Workspace) -> None:
    """Raise what `check_target` raises for the documents as they are, as far as this machine can tell.

    Makes no network request: what is not known of a publisher in an index is not checked.
    """
    project, lock = workspace.project, workspace.lock
    _check_documents(workspace, project, lock)
    for entry in lock.entries:
        try:
            check_signer(workspace, project, entry)
        except Unreachable:
            continue


def _check_documents(workspace: Workspace, project: Project, lock: Lock) -> None:
    # git URLs first: one that may not be fetched is refused even if nothing is fetched now.
    for requirement in project.requirements.values():
        if isinstance(requirement.source, GitSource):
            parse(requirement.source.git, allow_http=workspace.settings.allow_http)
    for problem in stale_entries(project, lock):
        raise problem
    for entry in lock.entries:
        check_minimum(entry.name, entry.min_tark_version, project.tark_version)


def present(workspace: Workspace, name: PluginName) -> Requirement | None:
    """Return the project's requirement of a plugin; None for a locked dependency.

    Raises `NotFound` for a plugin that is neither.
    """
    return (
        None
        if name in workspace.lock.by_name and name not in workspace.project.requirements
        else required(workspace, name)
    )


def required(workspace: Workspace, name: PluginName) -> Requirement:
    """Return the project's requirement of a plugin. Raises `NotFound`."""
    requirement = workspace.project.requirements.get(name)
    if requirement is None:
        near = did_you_mean(name, workspace.project.requirements)
        raise NotFound(
            f"this project does not require a plugin named '{name}'{near}",
            where=str(workspace.location.project_file),
            hint="tarkpm list",
        )
    return requirement
