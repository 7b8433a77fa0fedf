"""Which release each plugin of a project gets."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import IndexSource, PluginName, Requirement
from tarkpm.core.resolver import unmet_dependencies
from tarkpm.ops.acquire import Release
from tarkpm.ops.context import Workspace


class Choice(msgspec.Struct, frozen=True):
    """What was chosen: entries that stay as they are, releases of indexes to take anew, and notes."""

    kept: tuple[LockEntry, ...]
    taken: tuple[Release, ...]
    notes: tuple[str, ...]


def choose(
    workspace: Workspace,
    requirements: Mapping[PluginName, Requirement],
    releases: Iterable[Release],
    free: Collection[PluginName] | None,
) -> Choice:
    """Choose a release for every requirement and for all they need; fetch and verify what is not locked so.

    ``releases`` were acquired just now, from git and folders. Only plugins in ``free`` (None: all) leave
    their locked version without need. Raises `ResolutionError`, `Unreachable`, `VerificationError`.
    """
    fixed = dict(workspace.lock.by_name)
    fixed.update((release.candidate.manifest.name, release.candidate.entry()) for release in releases)
    held = tuple(fixed[name] for name, one in requirements.items() if is_fixed(one) and name in fixed)
    if all(map(is_fixed, requirements.values())):  # one candidate each: there is nothing to search
        return Choice(held, (), tuple(unmet_dependencies(held)))
    from tarkpm.ops.resolving import choose_from_indexes

    return choose_from_indexes(workspace, requirements, held, free)


def is_fixed(requirement: Requirement) -> bool:
    """Whether the source holds one release, and there is nothing to choose from."""
    return not isinstance(requirement.source, IndexSource)
