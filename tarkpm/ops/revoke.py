"""``tarkpm revoke``: revoke capabilities of a plugin."""

from tarkpm.core.capability import Capability
from tarkpm.core.release import PluginName
from tarkpm.ops.change.grants import GrantReport, set_grants
from tarkpm.ops.change.target import present
from tarkpm.ops.project.acceptance import not_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_change


def revoke(settings: Settings, ui: Ui, typed: PluginName, capabilities: list[Capability]) -> GrantReport:
    """Revoke capabilities; revoking one that was not granted changes nothing."""
    with open_for_change(settings, ui) as workspace:
        name = workspace.name_of(typed)
        present(workspace, name)
        left = workspace.project.granted(name)
        for capability in capabilities:
            left = left.without(capability)
        return set_grants(workspace, name, left, decided=not not_accepted(workspace))
