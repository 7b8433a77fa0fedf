"""Say what a plugin lacked, and with which command a person grants it."""

from collections.abc import Iterable
from shlex import quote

from tarkpm.core.asked import allows
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.release import PluginName
from tarkpm.errors import TarkError
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.release.installed import installed_manifest

_MOST = 5
"""Sentences about one call: a plugin could ask for ever new hosts."""


def grantable(settings: Settings, ui: Ui, plugin: str, lacked: Iterable[Capability]) -> tuple[str, ...]:
    """Return a sentence for each capability that a plugin lacked, with the command that would grant it.

    Only what the plugin declares can be granted.
    """
    try:
        missing = _missing(settings, ui, plugin)
    except TarkError:
        return ()
    return tuple(_sentence(plugin, one, _declared(missing, one)) for one in sorted(lacked, key=str)[:_MOST])


def grant_command(settings: Settings, ui: Ui, plugin: str, lacked: Iterable[Capability]) -> str:
    """Return the one command that grants what a plugin lacked; "" if it declares none of it."""
    try:
        missing = _missing(settings, ui, plugin)
    except TarkError:
        return ""
    words = dict.fromkeys(word for one in sorted(lacked, key=str) for word in _declared(missing, one))
    return _command(plugin, list(words)) if words else ""


def _missing(settings: Settings, ui: Ui, plugin: str) -> CapabilitySet:
    name = PluginName(plugin)
    with open_for_reading(settings, ui) as workspace:
        entry = workspace.lock.get(name)
        if entry is None:
            return CapabilitySet()
        return installed_manifest(workspace, entry).capabilities.beyond(workspace.project.granted(name))


def _declared(missing: CapabilitySet, wanted: Capability) -> list[str]:
    """Return what `tarkpm grant` takes to allow ``wanted``: the declarations that cover it."""
    if wanted.secret is not None:
        return [f"secret:{wanted.secret.id}=NAME"] if missing.covers(CapabilitySet((wanted,))) else []
    return [str(one) for one in missing if allows(CapabilitySet((one,)), wanted)]


def _command(plugin: str, words: list[str]) -> str:
    return f"tarkpm grant {plugin} {' '.join(map(quote, words))}"


def _sentence(plugin: str, wanted: Capability, declared: list[str]) -> str:
    if (secret := wanted.secret) is not None:
        what = f"'{plugin}' has no secret '{secret.id}' for {secret.host}, which refused the request"
        return f"{what}. The user can bind one of theirs: {_command(plugin, declared)}" if declared else what
    asked = f"'{plugin}' asked for {wanted}, which is not granted to it"
    if not declared:
        return f"{asked} and which it does not declare"
    return f"{asked}. The user can allow it: {_command(plugin, declared)}"
