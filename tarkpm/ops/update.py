"""``tarkpm update`` and ``tarkpm lock``: look again at what the project asks for."""

from tarkpm.core.lock_check import stale_entries, stale_requirement
from tarkpm.core.policy import Answers
from tarkpm.core.release import PluginName, Requirement
from tarkpm.errors import NotFound
from tarkpm.ops.acceptance import require_accepted
from tarkpm.ops.add import TakeReport, report_of
from tarkpm.ops.admission import Ask, take
from tarkpm.ops.context import Workspace, asks_again, open_for_change, open_for_reading
from tarkpm.ops.install import apply, foretell
from tarkpm.ops.settings import Settings
from tarkpm.ops.target import make_plan, untouched
from tarkpm.ops.ui import Ui


@asks_again
def update(settings: Settings, ui: Ui, typed: list[PluginName], answers: Answers) -> TakeReport:
    """Take what the sources of these plugins (all, if none is named) hold now, and install it.

    Raises what `add` raises, and `NotFound` for a name the project does not ask for.
    """
    with open_for_change(settings, ui) as workspace:
        workspace.require_built_here()
        require_accepted(workspace)
        names = workspace.names_of(typed)
        found = [present(workspace, name) for name in names or workspace.project.requirements]
        asks = [Ask.of(requirement) for requirement in found if requirement]
        taking = take(workspace, asks, answers, free=names or None)
        report = report_of(workspace, taking, taking.names)
        plan = make_plan(workspace, taking.target.lock)
        if settings.dry_run:
            foretell(workspace, plan)
        else:
            apply(workspace, taking.target, plan, taking.releases)
        return report


@asks_again
def lock(settings: Settings, ui: Ui, answers: Answers) -> TakeReport:
    """Make tark.lock follow from tark.toml, keeping every entry that does; installs nothing."""
    with open_for_change(settings, ui) as workspace:
        require_accepted(workspace)
        stale = [r for name, r in workspace.project.requirements.items() if not _follows(workspace, name)]
        taking = take(workspace, list(map(Ask.of, stale)), answers)
        report = report_of(workspace, taking, taking.names)
        if not settings.dry_run:
            apply(workspace, taking.target, untouched(workspace), taking.releases)
        return report


def check_lock(settings: Settings, ui: Ui) -> None:
    """Raise the first `LockStale` if tark.lock does not follow from tark.toml."""
    with open_for_reading(settings, ui) as workspace:
        for problem in stale_entries(workspace.project, workspace.lock):
            raise problem


def _follows(workspace: Workspace, name: PluginName) -> bool:
    entry = workspace.lock.get(name)
    requirement = workspace.project.requirements[name]
    return entry is not None and stale_requirement(requirement, entry) is None


def present(workspace: Workspace, name: PluginName) -> Requirement | None:
    """The project's requirement of this plugin; None for one that is locked because another needs it.

    Raises `NotFound` for a plugin that is neither.
    """
    return (
        None
        if name in workspace.lock.by_name and name not in workspace.project.requirements
        else required(workspace, name)
    )


def required(workspace: Workspace, name: PluginName) -> Requirement:
    """The project's requirement of this plugin; raises `NotFound`."""
    requirement = workspace.project.requirements.get(name)
    if requirement is None:
        raise NotFound(
            f"this project does not ask for a plugin named '{name}'",
            where=str(workspace.place.project_file),
            hint="tarkpm list",
        )
    return requirement
