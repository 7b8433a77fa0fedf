"""``tarkpm remove``: take plugins out of the project, with every decision about them."""

import msgspec

from tarkpm.core.lockfile import Lock
from tarkpm.core.plan import Plan
from tarkpm.core.project import Change, Project, edit
from tarkpm.core.release import PluginName
from tarkpm.core.resolver import unmet_dependencies
from tarkpm.io.files import remove_tree
from tarkpm.ops.context import Workspace, open_for_change
from tarkpm.ops.install import apply
from tarkpm.ops.settings import Settings
from tarkpm.ops.target import CheckedTarget, Target, check_target
from tarkpm.ops.ui import Ui
from tarkpm.ops.update import required


class RemoveReport(msgspec.Struct, frozen=True):
    """What was removed, and the folders of plugins' own data that were kept or deleted."""

    removed: tuple[str, ...]
    data_kept: tuple[str, ...] = ()
    data_deleted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def remove(settings: Settings, ui: Ui, typed: list[PluginName], *, purge: bool) -> RemoveReport:
    """Remove plugins and what tark.toml decided about them; their own data only with ``purge``.

    Raises `NotFound` for a name the project does not ask for; then nothing has changed.
    """
    with open_for_change(settings, ui) as workspace:
        workspace.require_built_here()
        names = workspace.names_of(typed)
        data = tuple(str(workspace.data(name)) for name in names if _has_data(workspace, name))
        for name in names:
            if not (purge and _has_data(workspace, name)):  # what an earlier remove kept can still be purged
                required(workspace, name)
        target = _without(workspace, names)
        if not settings.dry_run:
            installed = [PluginName(name) for name in workspace.record.installed]
            gone = tuple(name for name in installed if name in names)
            rest = tuple(name for name in installed if name not in names)
            apply(workspace, target, Plan(remove=gone, keep=rest))
            for name in names if purge else ():
                remove_tree(workspace.data(name))
        notes = tuple(unmet_dependencies(target.lock.entries))
        return RemoveReport(tuple(names), () if purge else data, data if purge else (), notes)


def _has_data(workspace: Workspace, name: PluginName) -> bool:
    folder = workspace.data(name)
    return folder.is_dir() and any(folder.iterdir())


def _without(workspace: Workspace, names: list[PluginName]) -> CheckedTarget:
    edited = edit(workspace.project_bytes or b"", [Change(name) for name in names])
    project = Project.parse(edited, where=str(workspace.place.project_file))
    lock = Lock.of(entry for entry in workspace.lock.entries if entry.name not in names)
    target = Target(project, lock, edited, decided=workspace.is_accepted())
    return check_target(target, allow_http=workspace.settings.allow_http)
