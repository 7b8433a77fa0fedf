"""``tarkpm versions``: the releases of a plugin, installed or not."""

import msgspec

from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, IndexSource, PathSource, PluginName, Source
from tarkpm.core.rows import ReleaseRow
from tarkpm.core.tags import version_tags
from tarkpm.errors import NotFound
from tarkpm.ops.change.source_args import SourceArg, UsageError, read_source_args
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import Indexes, entry_of, nearest_listed
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.fetch import open_remote


class VersionRow(msgspec.Struct, frozen=True):
    """One release. ``tag`` is that of a git source, ``size`` in bytes and 0 if it is not known.

    ``note`` says that the version is locked here, or why it cannot be taken.
    """

    version: str
    tag: str = ""
    min_tark_version: str = ""
    size: int = 0
    capabilities: tuple[str, ...] = ()
    note: str = ""


class VersionsReport(msgspec.Struct, frozen=True):
    """The releases of a plugin, newest first, and where they are from."""

    name: str
    source: str
    versions: tuple[VersionRow, ...]


def versions(settings: Settings, ui: Ui, text: str) -> VersionsReport:
    """Return the versions that an index lists, or that the tags of a repository name.

    ``text`` is a plugin's name, with an index or without, or a git URL. Raises `NotFound`, `Unreachable`,
    `IndexUntrusted`, and `UsageError` for a folder.
    """
    settings, (typed,) = read_source_args(settings, [text])
    with open_for_reading(settings, ui) as workspace:
        name, source = _place(workspace.project, typed, workspace)
        if isinstance(source, GitSource):
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
    listing = workspace.resource(Indexes).listings(source, [name]).get(name)
    if listing is None:
        raise _unlisted(workspace, name, source)
    rows = sorted(listing.rows, key=lambda row: row.version, reverse=True)
    return VersionsReport(name, str(source), tuple(_row(workspace, name, source, row) for row in rows))


def _unlisted(workspace: Workspace, name: PluginName, source: IndexSource) -> NotFound:
    """Return the error for a plugin that an index does not list, with the nearest name that it lists."""
    near = nearest_listed(workspace, source, name)
    also = f"; did you mean '{near}'?" if near else ""
    hint = f"tarkpm versions {source.index}:{near}" if near else "tarkpm index list"
    where = entry_of(workspace, source).url
    return NotFound(f"{source} has no plugin named '{name}'{also}", where=where, hint=hint)


def _row(workspace: Workspace, name: PluginName, source: IndexSource, row: ReleaseRow) -> VersionRow:
    entry = workspace.lock.get(name)
    notes = ["locked"] if entry and entry.source == source and entry.version == row.version else []
    if workspace.vouched.is_revoked(source, name, row.version, row.statement.sha256):
        notes.append("revoked")
    elif row.yanked:
        notes.append(f"yanked: {row.yanked}")
    minimum = str(row.min_tark_version or "")
    return VersionRow(str(row.version), "", minimum, row.size, row.capabilities, ", ".join(notes))


def _of_tags(workspace: Workspace, name: PluginName, source: GitSource) -> VersionsReport:
    """Return the versions of tags; what they hold is not fetched."""
    with open_remote(workspace, source.git) as remote:
        found = version_tags(remote.tags(), like=source.tag)
    rows = (
        VersionRow(str(tag.version), tag.name, note="locked" if tag.name == source.tag else "")
        for tag in found
    )
    return VersionsReport(name, str(source), tuple(rows))
