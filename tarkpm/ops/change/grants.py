"""Change what tark.toml grants a plugin."""

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.project import Project
from tarkpm.core.project_edit import ProjectEdit, edit
from tarkpm.core.release import PluginName
from tarkpm.ops.change.apply import apply
from tarkpm.ops.change.planning import untouched
from tarkpm.ops.change.target import Target, check_target, narrowing, present
from tarkpm.ops.project.workspace import Workspace


class GrantReport(msgspec.Struct, frozen=True):
    """The capabilities granted to a plugin, and which were added or removed."""

    name: str
    granted: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def set_grants(
    workspace: Workspace, name: PluginName, granted: CapabilitySet, *, decided: bool
) -> GrantReport:
    """Set what a plugin is granted, in tark.toml and in what this user accepted.

    ``decided`` is that of `Target`. Raises what `check_target` and `apply` raise.
    """
    before = workspace.project.granted(name)
    change = ProjectEdit(name, present(workspace, name), workspace.project.trust.get(name, ()), granted)
    edited = edit(workspace.project_bytes or b"", [change]) if granted != before else None
    project = (
        Project.parse(edited, where=str(workspace.location.project_file)) if edited else workspace.project
    )
    if not workspace.settings.dry_run:
        target = Target(project, workspace.lock, edited, decided)
        is_narrower = not granted.beyond(before)
        checked = narrowing(target) if is_narrower else check_target(workspace, target)
        apply(workspace, checked, untouched(workspace))
    return GrantReport(
        name,
        tuple(map(str, granted)),
        tuple(map(str, granted.beyond(before))),
        tuple(map(str, before.beyond(granted))),
    )
