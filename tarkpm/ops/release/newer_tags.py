"""Tags of git sources above the one that was taken, whether or not tark.toml allows them."""

import shlex
from collections.abc import Iterable, Iterator, Mapping

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import GitSource, PluginName
from tarkpm.core.tags import VersionTag, newer_tag, version_tag
from tarkpm.errors import TarkError
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import FETCH_THREADS, open_remote

Found = tuple[Mapping[PluginName, VersionTag], Iterable[str]]


def newer_tags(workspace: Workspace, entries: Iterable[LockEntry]) -> Found:
    """Return the newest tag above each plugin's, with the same text before the version, and notes.

    One request for each repository of which a tag that names a version was taken. A repository whose tags
    cannot be listed is a note: whether its plugin can be updated is known all the same.
    """
    groups: dict[str, dict[PluginName, str]] = {}
    for entry in entries:
        if isinstance(entry.source, GitSource) and version_tag(entry.source.tag):
            groups.setdefault(entry.source.git, {})[entry.name] = entry.source.tag
    notes: list[str] = []

    def look(place: tuple[str, dict[PluginName, str]]) -> dict[PluginName, VersionTag]:
        url, taken = place
        try:
            with open_remote(workspace, url) as remote:
                names = remote.tags()
        except TarkError as problem:
            notes.append(f"the tags of {url} could not be listed: {problem.message}")
            return {}
        return {name: newer for name, tag in taken.items() if (newer := newer_tag(names, tag))}

    found = run_parallel(look, list(groups.items()), threads=FETCH_THREADS)
    return {name: tag for each in found for name, tag in each.items()}, notes


def pinned_notes(workspace: Workspace, names: Iterable[PluginName]) -> Iterator[str]:
    """Yield why an update leaves a plugin at its tag, and the command that follows newer tags."""
    asked = {name: workspace.project.requirements.get(name) for name in names}
    fixed = [name for name, one in asked.items() if one and not one.allowed and workspace.lock.get(name)]
    found, _ = newer_tags(workspace, [workspace.lock.by_name[name] for name in fixed])
    for name, newer in found.items():
        source = workspace.lock.by_name[name].source
        if isinstance(source, GitSource) and (taken := version_tag(source.tag)):
            options = ["--tag", f"{taken.stem}^{taken.version.plain}"]
            options += ["--path", source.path] if source.path else []
            command = shlex.join(["tarkpm", "add", source.git, *options])
            newest = f"there is {newer.name}; to follow: {command}"
            yield f"tark.toml requires '{name}' at tag {source.tag}, and {newest}"
