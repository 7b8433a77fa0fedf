"""``tarkpm remove``: remove plugins from the project, with every decision about them."""

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.lock_check import reachable
from tarkpm.core.lockfile import Lock
from tarkpm.core.plan import Plan
from tarkpm.core.project import Project
from tarkpm.core.project_edit import ProjectEdit, edit
from tarkpm.core.release import PluginName
from tarkpm.core.resolution.resolver import unmet_dependencies
from tarkpm.errors import ResolutionError
from tarkpm.io.files import remove_tree
from tarkpm.ops.change.abandoned import abandoned
from tarkpm.ops.change.apply import apply, preview_deletions
from tarkpm.ops.change.history import history_of
from tarkpm.ops.change.target import CheckedTarget, Target, check_target, required
from tarkpm.ops.project.acceptance import has_data, not_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_change
from tarkpm.store.call_ring import CallRing
from tarkpm.store.sign_ins import SignIns


class RemoveReport(msgspec.Struct, frozen=True):
    """The removed plugins, and the data folders that were kept or deleted."""

    removed: tuple[str, ...]
    data_kept: tuple[str, ...] = ()
    data_deleted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def remove(settings: Settings, ui: Ui, typed: list[PluginName], *, purge: bool) -> RemoveReport:
    """Remove plugins, what tark.toml decided about them and their recorded calls; data only with ``purge``.

    Raises `NotFound` for a plugin the project does not require; then nothing has changed.
    """
    with open_for_change(settings, ui) as workspace:
        workspace.require_built_here()
        names = workspace.names_of(typed)
        data = tuple(str(workspace.data(name)) for name in names if has_data(workspace, name))
        for name in names:
            if not (purge and has_data(workspace, name)):  # what an earlier remove kept can still be purged
                required(workspace, name)
        target = _without(workspace, names)
        gone = {*names, *workspace.lock.by_name} - {*target.lock.by_name}
        rings = [CallRing(workspace.state.root, workspace.data(name)) for name in gone]
        plan = _plan(workspace, names, target)
        if settings.dry_run:
            preview_deletions(workspace, plan)
        else:
            apply(workspace, target, plan)
            for ring in rings:
                ring.remove()
            # Deleted last: if the change fails, the data is still there.
            for name in names if purge else ():
                remove_tree(workspace.data(name))
                history_of(workspace).data.forget(workspace.data(name).name)
                SignIns(settings.paths.state).forget(workspace.data(name))
        left = [name for name in names if target.lock.get(name)]
        notes = [f"'{name}' stays, because another plugin needs it" for name in left]
        with_them = sorted(set(workspace.lock.by_name) - set(target.lock.by_name) - set(names))
        notes += map(str, unmet_dependencies(target.lock.entries))
        removed = (*(name for name in names if name not in left), *with_them)
        return RemoveReport(removed, () if purge else data, data if purge else (), tuple(notes))


def _plan(workspace: Workspace, names: list[PluginName], target: Target) -> Plan:
    """Return a plan that removes what was named, or was locked and no longer is, and nothing else."""
    installed = [PluginName(name) for name in workspace.record.installed]
    ours = {*names, *workspace.lock.by_name}
    gone = tuple(name for name in installed if name in ours and not target.lock.get(name))
    return Plan(remove=gone, keep=tuple(name for name in installed if name not in gone))


def _without(workspace: Workspace, names: list[PluginName]) -> CheckedTarget:
    """Return the project and lock without ``names`` and without what only they needed.

    A plugin that another one of the same index needs stays, with its grants. Raises `ResolutionError` if a
    plugin that stays needs one that cannot.
    """
    where = str(workspace.location.project_file)
    text = workspace.project_bytes or b""
    without = edit(text, [ProjectEdit(name) for name in names])
    reached, problems = reachable(Project.parse(without, where=where), workspace.lock)
    for problem in problems:
        hint = f"tarkpm tree --invert {names[0]}"
        raise ResolutionError(f"cannot remove {', '.join(names)}: {problem.message}", hint=hint)
    lock = Lock.of(entry for entry in workspace.lock.entries if entry.name in reached)
    kept = {name: workspace.project.granted(name) for name in names if name in reached}
    # One edit of the text as it was: what is removed first and put back is not where its author had it.
    changes = [ProjectEdit(name, grants=kept.get(name, CapabilitySet())) for name in names]
    changes += [ProjectEdit(name) for name in abandoned(workspace.project, workspace.lock, reached)]
    edited = edit(text, changes, dropped=[name for name in names if name not in reached])
    project = Project.parse(edited, where=where)
    target = Target(project, lock, edited, decided=not not_accepted(workspace), dropped=tuple(names))
    return check_target(workspace, target, removes=True)
