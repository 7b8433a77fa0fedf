"""Tags of git and OCI sources above the one that was taken, whether or not tark.toml allows them."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import GitSource, OciSource, PluginName
from tarkpm.core.tags import VersionTag, newer_tag, version_tag
from tarkpm.errors import TarkError
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import FETCH_THREADS, open_registries, open_remote

Found = tuple[Mapping[PluginName, VersionTag], Iterable[str]]


def newer_tags(workspace: Workspace, entries: Iterable[LockEntry]) -> Found:
    """Return the newest tag above each plugin's, with the same text before the version, and notes.

    One request for each repository of which a tag that names a version was taken. A repository whose tags
    cannot be listed is a note: whether its plugin can be updated is known all the same.
    """
    groups: dict[GitSource | OciSource, dict[PluginName, str]] = {}
    for entry in entries:
        if isinstance(entry.source, GitSource | OciSource) and version_tag(entry.source.tag):
            groups.setdefault(_repository(entry.source), {})[entry.name] = entry.source.tag
    notes: list[str] = []

    def look(place: tuple[GitSource | OciSource, dict[PluginName, str]]) -> dict[PluginName, VersionTag]:
        repository, taken = place
        try:
            names = tags_of(workspace, repository)
        except TarkError as problem:
            notes.append(f"the tags of {_place(repository)} could not be listed: {problem.message}")
            return {}
        return {name: newer for name, tag in taken.items() if (newer := newer_tag(names, tag))}

    open_registries(workspace, groups)
    found = run_parallel(look, list(groups.items()), threads=FETCH_THREADS)
    return {name: tag for each in found for name, tag in each.items()}, notes


def tags_of(workspace: Workspace, source: GitSource | OciSource) -> Sequence[str]:
    """Return the names of all tags of a repository. Raises `SourceError`."""
    if isinstance(source, OciSource):
        from tarkpm.ops.release.registries import Registries

        return workspace.resource(Registries).repository(source).tags()
    with open_remote(workspace, source.git) as remote:
        return remote.tags()


def _repository(source: GitSource | OciSource) -> GitSource | OciSource:
    return GitSource(source.git) if isinstance(source, GitSource) else OciSource(source.oci)


def _place(source: GitSource | OciSource) -> str:
    return source.git if isinstance(source, GitSource) else str(source)


def _following(source: GitSource | OciSource, wanted: str) -> str:
    """Return the command that follows a range on tags."""
    if isinstance(source, OciSource):
        return shlex.join(["tarkpm", "add", f"oci://{source.oci}:{wanted}"])
    folder = ["--path", source.path] if source.path else []
    return shlex.join(["tarkpm", "add", source.git, "--tag", wanted, *folder])


def pinned_notes(workspace: Workspace, names: Iterable[PluginName]) -> Iterator[str]:
    """Yield why an update leaves a plugin at its tag, and the command that follows newer tags."""
    asked = {name: workspace.project.requirements.get(name) for name in names}
    fixed = [name for name, one in asked.items() if one and not one.allowed and workspace.lock.get(name)]
    found, _ = newer_tags(workspace, [workspace.lock.by_name[name] for name in fixed])
    for name, newer in found.items():
        source = workspace.lock.by_name[name].source
        if isinstance(source, GitSource | OciSource) and (taken := version_tag(source.tag)):
            command = _following(source, f"{taken.stem}^{taken.version.plain}")
            newest = f"there is {newer.name}; to follow: {command}"
            yield f"tark.toml requires '{name}' at tag {source.tag}, and {newest}"
