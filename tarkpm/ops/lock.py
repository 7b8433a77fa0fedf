"""``tarkpm lock``: update tark.lock from tark.toml."""

from tarkpm.core.consent import Answers
from tarkpm.core.lock_check import stale_requirement
from tarkpm.core.release import PluginName
from tarkpm.ops.change.admit import agree
from tarkpm.ops.change.apply import apply
from tarkpm.ops.change.planning import untouched
from tarkpm.ops.change.propose import PluginRequest
from tarkpm.ops.change.report import TakeReport, report_of
from tarkpm.ops.change.target import check_follows
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.conflict import settle_conflict
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, asks_again, open_for_change, open_for_reading


@asks_again
def lock(settings: Settings, ui: Ui, answers: Answers) -> TakeReport:
    """Update tark.lock from tark.toml, keeping every entry that still fits; installs nothing.

    Locked plugins get what an older tarkpm did not write: pins of their tools, and what they declare, if this
    machine knows it of all of them. In a lock with conflicts of a merge, the plugins that both sides lock
    differently are resolved again.
    """
    with open_for_change(settings, ui) as workspace:
        settle_conflict(workspace)
        require_accepted(workspace)
        stale = [r for name, r in workspace.project.requirements.items() if not _follows(workspace, name)]
        agreed = agree(workspace, list(map(PluginRequest.of, stale)), answers, completing=True)
        report = report_of(workspace, agreed, agreed.names)
        if not settings.dry_run:
            apply(workspace, agreed.target, untouched(workspace), agreed.releases)
        return report


def check_lock(settings: Settings, ui: Ui) -> None:
    """Raise unless tark.lock follows from tark.toml, by the checks that `lock` and `sync` make.

    Raises `LockStale`, `KeyUntrusted`, `UnsignedRefused`, `Revoked`, `ResolutionError`.
    """
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        check_follows(workspace)


def _follows(workspace: Workspace, name: PluginName) -> bool:
    entry = workspace.lock.get(name)
    requirement = workspace.project.requirements[name]
    return entry is not None and stale_requirement(requirement, entry) is None
