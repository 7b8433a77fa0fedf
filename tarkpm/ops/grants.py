"""``tarkpm grant`` and ``revoke``: change what a plugin may do, within what it declares."""

import msgspec

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.names import MANIFEST
from tarkpm.core.project import Change, Project, edit
from tarkpm.core.release import PluginName
from tarkpm.errors import CapabilityDenied, NotFound
from tarkpm.ops.acceptance import not_accepted, require_accepted
from tarkpm.ops.context import Workspace, open_for_change
from tarkpm.ops.install import apply
from tarkpm.ops.installed import installed_manifest
from tarkpm.ops.settings import Settings
from tarkpm.ops.target import Target, check_target, untouched
from tarkpm.ops.ui import Ui
from tarkpm.ops.update import present


class GrantReport(msgspec.Struct, frozen=True):
    """What a plugin may do now, and what of it is new or gone."""

    name: str
    granted: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def grant(settings: Settings, ui: Ui, typed: PluginName, capabilities: list[Capability]) -> GrantReport:
    """Grant what the plugin declares and was not granted; raises `CapabilityDenied` for anything else."""
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
        return _set(workspace, name, workspace.project.granted(name).union(wanted), decided=True)


def reset(settings: Settings, ui: Ui, typed: PluginName) -> GrantReport:
    """Grant again exactly what the plugin declares, whatever was granted or revoked before."""
    with open_for_change(settings, ui) as workspace:
        require_accepted(workspace)
        name = workspace.name_of(typed)
        present(workspace, name)
        return _set(workspace, name, _declared(workspace, name), decided=True)


def revoke(settings: Settings, ui: Ui, typed: PluginName, capabilities: list[Capability]) -> GrantReport:
    """Take capabilities away; taking away what was not granted changes nothing."""
    with open_for_change(settings, ui) as workspace:
        name = workspace.name_of(typed)
        present(workspace, name)
        left = workspace.project.granted(name)
        for capability in capabilities:
            left = left.without(capability)
        return _set(workspace, name, left, decided=not not_accepted(workspace))


def _declared(workspace: Workspace, name: PluginName) -> CapabilitySet:
    entry = workspace.lock.get(name)
    if entry is None:
        raise NotFound(f"'{name}' is not locked", where=str(workspace.place.lock_file), hint="tarkpm lock")
    return installed_manifest(workspace, entry).capabilities


def _set(workspace: Workspace, name: PluginName, granted: CapabilitySet, *, decided: bool) -> GrantReport:
    before = workspace.project.granted(name)
    change = Change(name, present(workspace, name), workspace.project.trust.get(name, ()), granted)
    edited = edit(workspace.project_bytes or b"", [change]) if granted != before else None
    project = Project.parse(edited, where=str(workspace.place.project_file)) if edited else workspace.project
    if not workspace.settings.dry_run:
        target = Target(project, workspace.lock, edited, decided)
        apply(workspace, check_target(workspace, target), untouched(workspace))
    return GrantReport(
        name,
        tuple(map(str, granted)),
        tuple(map(str, granted.beyond(before))),
        tuple(map(str, before.beyond(granted))),
    )
