"""``tarkpm index add``, ``list`` and ``remove``: the indexes of a project."""

from pathlib import Path
from typing import Any

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.project import IndexEntry, Project, index_url
from tarkpm.core.project_edit import edit_index, new
from tarkpm.core.release import IndexSource, PluginName, index_root
from tarkpm.core.shapes import from_json
from tarkpm.core.text import some
from tarkpm.errors import NotFound, ProjectError
from tarkpm.io.files import read_file
from tarkpm.ops.change.apply import apply
from tarkpm.ops.change.planning import untouched
from tarkpm.ops.change.source_args import relative_folder
from tarkpm.ops.change.target import CheckedTarget, Target, check_target
from tarkpm.ops.project.acceptance import not_accepted, require_accepted
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.team_policy import team_rules
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_change, open_for_reading

MAX_ROOT = 512 * 1024
MAX_NAMED = 8
"""Plugins that an error names: a screen of names is not read."""


class IndexRow(msgspec.Struct, frozen=True):
    """An index of a project, and the plugins locked from it."""

    name: str
    url: str
    root: str
    plugins: tuple[str, ...] = ()


class IndexList(msgspec.Struct, frozen=True):
    """The indexes of a project, sorted by name."""

    indexes: tuple[IndexRow, ...]


def add_index(settings: Settings, ui: Ui, name: PluginName, url: str, root: str) -> IndexRow:
    """Add an index to the project. ``root`` is its first root: the digest, or the file.

    Unless offline, the index is fetched to check that it has this root. Raises
    `ProjectError` for a name that is taken, `IndexUntrusted`, `Unreachable`.
    """
    with open_for_change(settings, ui, create=True) as workspace:
        require_accepted(workspace)
        entry = _entry(settings, name, url, root)
        if workspace.project.indexes.get(name) == entry:
            return _row(workspace, entry)
        if name in workspace.project.indexes:
            raise ProjectError(
                f"the project already has another index named '{name}'",
                where=str(workspace.location.project_file),
                hint=f"tarkpm index remove {name}",
            )
        if rules := team_rules(workspace):
            rules.check_source(entry.source, index_url=entry.url)
        text = workspace.project_bytes if workspace.project_bytes is not None else new()
        target = _target(workspace, edit_index(text, name, entry), decided=True)
        # After the checks that need no network, and before anything is written.
        if not settings.offline:
            _try(workspace, entry)
        if not settings.dry_run:
            apply(workspace, target, untouched(workspace))
        return _row(workspace, entry)


def _entry(settings: Settings, name: PluginName, url: str, root: str) -> IndexEntry:
    try:
        place = index_url(url)
        digest = index_root(root) if root.startswith("sha256:") else _root_of(settings.cwd / root)
    except ValueError as problem:
        raise ProjectError(str(problem), where=f"index {name}") from None
    if "://" not in place:
        place = relative_folder(settings, place)
    return IndexEntry(name, place, digest)


def _root_of(file: Path) -> str:
    """Return the digest of a file that is an index's first root."""
    try:
        data = read_file(file, MAX_ROOT)
        first = from_json(data, dict[str, Any])["signed"]["version"] == 1
    except FileNotFoundError:
        raise NotFound("the file does not exist", where=str(file), hint="--root sha256:…") from None
    except (msgspec.DecodeError, TypeError, KeyError):
        first = False
    if not first:
        raise ProjectError("expected the first root of an index, 1.root.json", where=str(file))
    return f"sha256:{sha256(data)}"


def _try(workspace: Workspace, entry: IndexEntry) -> None:
    """Check that the index answers and has the given root; from now on its log is compared with this one."""
    from tarkpm.ops.project.indexes import open_client

    workspace.ui.busy(f"asking {entry.url}")
    with open_client(workspace, entry) as client:
        client.refresh()
        if not workspace.settings.dry_run:
            workspace.resource(KnownLogs).learn(entry.source, client)


def _target(workspace: Workspace, edited: bytes, *, decided: bool, removes: bool = False) -> CheckedTarget:
    project = Project.parse(edited, where=str(workspace.location.project_file))
    return check_target(workspace, Target(project, workspace.lock, edited, decided), removes=removes)


def list_indexes(settings: Settings, ui: Ui) -> IndexList:
    """Return the indexes of the project, and the plugins locked from each."""
    with open_for_reading(settings, ui) as workspace:
        indexes = sorted(workspace.project.indexes.values(), key=lambda entry: entry.name)
        return IndexList(tuple(_row(workspace, entry) for entry in indexes))


def _row(workspace: Workspace, entry: IndexEntry) -> IndexRow:
    plugins = tuple(one.name for one in workspace.lock.entries if one.source == entry.source)
    return IndexRow(entry.name, entry.url, entry.root, plugins)


def remove_index(settings: Settings, ui: Ui, name: PluginName) -> IndexRow:
    """Remove an index from the project. Raises `NotFound`, or `ProjectError` while plugins come from it."""
    with open_for_change(settings, ui) as workspace:
        entry = workspace.project.indexes.get(name)
        where = str(workspace.location.project_file)
        if entry is None:
            near = did_you_mean(name, workspace.project.indexes)
            raise NotFound(f"this project has no index '{name}'{near}", where=where, hint="tarkpm index list")
        if used := _users(workspace, entry.source):
            hint = f"tarkpm remove {' '.join(used)}" if len(used) <= MAX_NAMED else "tarkpm list"
            text = f"plugins come from '{name}': {some(used, MAX_NAMED)}"
            raise ProjectError(text, where=where, hint=hint)
        edited = edit_index(workspace.project_bytes or b"", name, None)
        target = _target(workspace, edited, decided=not not_accepted(workspace), removes=True)
        if not settings.dry_run:
            apply(workspace, target, untouched(workspace))
        return _row(workspace, entry)


def _users(workspace: Workspace, source: IndexSource) -> list[str]:
    return [name for name, one in workspace.project.requirements.items() if one.source == source]
