"""``tarkpm versions``: the releases of a plugin, installed or not."""

import msgspec

from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, IndexSource, OciSource, PathSource, PluginName, Source
from tarkpm.ops.change.offered import VersionRow, listed_rows, listing_of, tagged_rows
from tarkpm.ops.change.source_args import GitRef, SourceArg, UsageError, read_source_args
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.newer_tags import tags_of


class VersionsReport(msgspec.Struct, frozen=True):
    """The releases of a plugin, newest first, and where they are from."""

    name: str
    source: str
    versions: tuple[VersionRow, ...]


def versions(settings: Settings, ui: Ui, text: str, ref: GitRef) -> VersionsReport:
    """Return the versions that an index lists, or that the tags of a repository name.

    ``text`` is a plugin's name, with an index or without, or a git URL. Raises `NotFound`, `Unreachable`,
    `IndexUntrusted`, and `UsageError` for a folder.
    """
    settings, (typed,) = read_source_args(settings, [text], ref, verb="versions")
    with open_for_reading(settings, ui) as workspace:
        name, source = _place(workspace.project, typed, workspace)
        if isinstance(source, GitSource | OciSource):
            return _of_tags(workspace, name, source)
        if isinstance(source, PathSource):
            raise UsageError(
                "a folder has one version", where=source.path, hint=f"tarkpm check {source.path}"
            )
        return _of_rows(workspace, name, source)


def _place(project: Project, typed: SourceArg, workspace: Workspace) -> tuple[PluginName, Source]:
    """Return whose releases are meant: the project's plugin at its source, another one as `add` takes it."""
    if typed.name is None or typed.index:
        request = typed.request(project)
        return request.name or PluginName(""), request.source
    entry, required = workspace.lock.get(typed.name), project.requirements.get(typed.name)
    if entry or required:
        require_accepted(workspace)
    source = required.source if required else entry.source.unpinned() if entry else None
    return typed.name, source or typed.request(project).source


def _of_rows(workspace: Workspace, name: PluginName, source: IndexSource) -> VersionsReport:
    require_accepted(workspace)
    listing = listing_of(workspace, source, name, "versions")
    return VersionsReport(listing.name, str(source), listed_rows(workspace, listing.name, source, listing))


def _of_tags(workspace: Workspace, name: PluginName, source: GitSource | OciSource) -> VersionsReport:
    names = tags_of(workspace, source)
    return VersionsReport(name, str(source), tagged_rows(workspace, names, source))
