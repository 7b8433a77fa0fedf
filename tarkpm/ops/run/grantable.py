"""Say what a plugin lacked, and with which command a person grants it."""

from collections.abc import Iterable
from shlex import quote

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.release import PluginName
from tarkpm.errors import TarkError
from tarkpm.host.module.legacy_abi import GRANTED_BY
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.release.installed import installed_manifest


def grantable(settings: Settings, ui: Ui, plugin: str, interfaces: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence for each refused interface: the capability, and the command that would grant it.

    Only what the plugin declares can be granted.
    """
    try:
        missing = _missing(settings, ui, plugin)
    except TarkError:
        return ()
    kinds = dict.fromkeys(GRANTED_BY.get(one, one) for one in interfaces)
    return tuple(_sentence(plugin, kind, [str(one) for one in missing if one.kind == kind]) for kind in kinds)


def _missing(settings: Settings, ui: Ui, plugin: str) -> CapabilitySet:
    name = PluginName(plugin)
    with open_for_reading(settings, ui) as workspace:
        entry = workspace.lock.get(name)
        if entry is None:
            return CapabilitySet()
        return installed_manifest(workspace, entry).capabilities.beyond(workspace.project.granted(name))


def _sentence(plugin: str, kind: str, declared: list[str]) -> str:
    asked = f"'{plugin}' asked for {kind}, which is not granted to it"
    if not declared:
        return f"{asked} and which it does not declare"
    return f"{asked}. The user can allow it: tarkpm grant {plugin} {' '.join(map(quote, declared))}"
