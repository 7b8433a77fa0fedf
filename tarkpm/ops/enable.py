"""``tarkpm enable`` and ``disable``: allow or stop tark from loading a plugin."""

from typing import TYPE_CHECKING

from tarkpm.core.owner import with_disabled
from tarkpm.core.release import PluginName
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_change
from tarkpm.ops.release.listing import PluginRow, not_installed, row_of

if TYPE_CHECKING:
    pass


def set_enabled(settings: Settings, ui: Ui, typed: PluginName, *, enabled: bool) -> PluginRow:
    """Enable or disable a plugin and return its row. Raises `NotFound`."""
    with open_for_change(settings, ui, create=True) as workspace:
        name = workspace.name_of(typed)
        if name not in workspace.environment.names():
            raise not_installed(workspace, name, workspace.lock.get(name))
        if not settings.dry_run:
            workspace.environment.set_enabled(name, enabled)
            _remember(workspace, name, enabled)
        return row_of(workspace, name)


def _remember(workspace: Workspace, name: str, enabled: bool) -> None:
    """Keep the choice in state too, so that it outlives the environment's folder."""
    if name in workspace.record.installed:
        workspace.remember(owners=with_disabled(workspace.record.owners, {name: not enabled}))
