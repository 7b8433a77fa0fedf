"""``tarkpm revoke``: revoke capabilities of a plugin."""

import shlex

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.release import PluginName
from tarkpm.ops.change.grants import GrantReport, set_grants
from tarkpm.ops.change.source_args import UsageError
from tarkpm.ops.change.target import present
from tarkpm.ops.project.acceptance import not_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_change


def revoke(settings: Settings, ui: Ui, typed: PluginName, capabilities: list[Capability]) -> GrantReport:
    """Revoke capabilities; revoking one that was not granted changes nothing.

    Raises `UsageError` for a part of a wider capability, which only can be revoked as a whole.
    """
    with open_for_change(settings, ui) as workspace:
        name = workspace.name_of(typed)
        present(workspace, name)
        left = workspace.project.granted(name)
        for capability in capabilities:
            _check_whole(name, left, capability)
            before, left = left, left.without(capability)
            if before == left:  # no error: what is revoked already stays revoked
                near = did_you_mean(str(capability), map(str, before))
                ui.note(f"{capability} was not granted to {name}{near}")
        return set_grants(workspace, name, left, decided=not not_accepted(workspace))


def _check_whole(name: PluginName, granted: CapabilitySet, capability: Capability) -> None:
    # It would end with success, and the plugin could do the same as before.
    wider = next((one for one in granted if one != capability and one.covers(capability)), None)
    if wider is not None:
        hint = f"tarkpm revoke {name} {shlex.quote(str(wider))}"
        raise UsageError(f"{capability} is part of {wider}, which is granted as a whole", hint=hint)
