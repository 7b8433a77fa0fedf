"""``tarkpm list``: the plugins of a project."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.listing import PluginRow, row_of, unpinned_note, withdrawn_notes

if TYPE_CHECKING:
    pass


class ListReport(msgspec.Struct, frozen=True):
    """Every plugin that is locked or in the environment, sorted."""

    plugins: tuple[PluginRow, ...]
    directory: str
    type: str = ""
    notes: tuple[str, ...] = ()


def list_plugins(settings: Settings, ui: Ui, *, type: str = "") -> ListReport:  # noqa: A002  the option's name
    """Return all plugins, or those of one ``type``; an unreadable one does not hide the others."""
    with open_for_reading(settings, ui) as workspace:
        names = sorted({*workspace.environment.names(), *workspace.lock.by_name})
        rows = tuple(row_of(workspace, name) for name in names)
        shown = tuple(row for row in rows if not type or row.type == type)
        return ListReport(shown, str(workspace.environment.plugins), type, tuple(_notes(workspace, rows)))


def _notes(workspace: Workspace, rows: Iterable[PluginRow]) -> list[str]:
    notes = []
    if missing := [row.id for row in rows if row.status == "missing"]:
        notes.append(f"locked but not installed: {', '.join(missing)}; run: tarkpm sync")
    if unpinned := [row.id for row in rows if row.unpinned]:
        notes.append(unpinned_note(unpinned))
    notes += withdrawn_notes(workspace)
    if not workspace.recognized and workspace.environment.in_project and workspace.environment.names():
        notes.append("this environment was not built here by your tarkpm")
    return notes
