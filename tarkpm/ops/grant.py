"""``tarkpm grant``: grant a plugin capabilities that it declares."""

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.names import MANIFEST
from tarkpm.core.release import PluginName
from tarkpm.errors import CapabilityDenied, NotFound
from tarkpm.ops.change.grants import GrantReport, set_grants
from tarkpm.ops.change.target import present
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_change
from tarkpm.ops.release.installed import installed_manifest


def grant(settings: Settings, ui: Ui, typed: PluginName, capabilities: list[Capability]) -> GrantReport:
    """Grant declared capabilities. Raises `CapabilityDenied` for undeclared ones."""
    with open_for_change(settings, ui) as workspace:
        require_accepted(workspace)
        name = workspace.name_of(typed)
        present(workspace, name)
        declared = _declared(workspace, name)
        wanted = CapabilitySet.of(capabilities)
        if undeclared := wanted.beyond(declared):
            raise CapabilityDenied(
                f"'{name}' does not declare {', '.join(map(str, undeclared))}",
                where=str(workspace.environment.folder(name) / MANIFEST),
                hint=f"tarkpm info {name}",
            )
        return set_grants(workspace, name, workspace.project.granted(name).union(wanted), decided=True)


def reset(settings: Settings, ui: Ui, typed: PluginName) -> GrantReport:
    """Grant exactly what the plugin declares, whatever was granted or revoked before."""
    with open_for_change(settings, ui) as workspace:
        require_accepted(workspace)
        name = workspace.name_of(typed)
        present(workspace, name)
        return set_grants(workspace, name, _declared(workspace, name), decided=True)


def _declared(workspace: Workspace, name: PluginName) -> CapabilitySet:
    entry = workspace.lock.get(name)
    if entry is None:
        raise NotFound(f"'{name}' is not locked", where=str(workspace.location.lock_file), hint="tarkpm lock")
    return installed_manifest(workspace, entry).capabilities
