"""Select the release of every plugin of a project."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from tarkpm.core.lock_check import reachable, stale_requirement
from tarkpm.core.lockfile import Lock
from tarkpm.core.project import Project
from tarkpm.core.release import IndexSource, PluginName, Requirement
from tarkpm.core.resolution.resolver import unmet_dependencies
from tarkpm.ops.change.target import Selection
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release


def select_releases(
    workspace: Workspace,
    requirements: Mapping[PluginName, Requirement],
    releases: Iterable[Release],
    free: Collection[PluginName] | None,
) -> Selection:
    """Select a release for every requirement and dependency; fetch and verify what is not locked.

    ``releases`` were acquired just now, from git and folders. Plugins outside ``free`` (None: all are in it)
    leave their locked version only if they must.

    Raises `ResolutionError`, `Unreachable`, `VerificationError`.
    """
    # Only locked entries that the project leads to count: one planted in the lock must not hold a version
    # (docs/trust-rules.md, rule 2).
    held = dict(workspace.followed.by_name)
    held.update((release.candidate.manifest.name, release.candidate.entry()) for release in releases)
    lock = Lock.of(held.values())
    project = msgspec.structs.replace(workspace.project, requirements=requirements)
    reached, problems = reachable(project, lock)
    # If no index must be asked, there is nothing to choose, and no network is needed.
    if not problems and not _must_ask(workspace, project, lock, free):
        kept = tuple(lock.by_name[name] for name in sorted(reached))
        return Selection(kept, (), tuple(map(str, unmet_dependencies(kept))))
    from tarkpm.ops.change.select_indexed import choose_from_indexes

    fixed = tuple(lock.by_name[name] for name, one in requirements.items() if one.is_fixed and lock.get(name))
    return choose_from_indexes(workspace, requirements, fixed, free)


def _must_ask(
    workspace: Workspace, project: Project, lock: Lock, free: Collection[PluginName] | None
) -> bool:
    """Return whether an index must be asked: a plugin of one is new, free to move, or stale."""
    indexed = [one for one in project.requirements.values() if not one.is_fixed]
    moving = workspace.lock.by_name if free is None else free
    return (
        any(workspace.project.requirements.get(one.name) != one for one in indexed)
        or any(stale_requirement(one, lock.get(one.name)) for one in indexed)
        or any(isinstance(entry.source, IndexSource) and entry.name in moving for entry in lock.entries)
    )
