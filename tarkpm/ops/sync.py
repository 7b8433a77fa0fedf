"""``tarkpm sync``: make the environment match the lock. Never resolves."""

from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.names import PROJECT
from tarkpm.errors import LockStale
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import asks_again, open_for_change

if TYPE_CHECKING:
    from tarkpm.core.plan import Plan


class SyncReport(msgspec.Struct, frozen=True):
    """The plugins that sync installed, removed and left unchanged."""

    installed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: "Plan", notes: tuple[str, ...] = ()) -> "SyncReport":
        """Return the report of an applied plan."""
        return cls(tuple(entry.name for entry in plan.install), plan.remove, plan.keep, notes)


@asks_again
def sync(settings: Settings, ui: Ui, *, reinstall: bool = False) -> SyncReport:
    """Install, remove and repair until the environment matches tark.lock.

    ``reinstall`` installs everything again. Raises `LockStale` without a lock or if it does not follow from
    tark.toml, and what fetching and verifying raise; then nothing has changed.
    """
    with open_for_change(settings, ui) as workspace:
        if not reinstall and not settings.accept_project and workspace.is_settled():
            return SyncReport((), (), tuple(workspace.record.installed))
        from tarkpm.core.resolution.resolver import unmet_dependencies
        from tarkpm.core.withdrawn import yanked_notes
        from tarkpm.ops.change.apply import apply, preview_deletions
        from tarkpm.ops.change.planning import make_plan
        from tarkpm.ops.change.target import Target, check_target
        from tarkpm.ops.project.acceptance import require_accepted
        from tarkpm.ops.project.indexes import Indexes

        if workspace.lock_bytes is None and workspace.project.requirements:
            where = str(workspace.location.lock_file)
            raise LockStale(
                f"{PROJECT} requires plugins, but there is no tark.lock", where=where, hint="tarkpm lock"
            )
        # consent comes before the network: an index of an unaccepted project is never contacted
        workspace.require_built_here()
        require_accepted(workspace)
        workspace.resource(Indexes).learn_publishers(workspace.lock.entries)
        target = check_target(workspace, Target(workspace.project, workspace.lock, decided=True))
        if reinstall:
            workspace.forget_verified()
        plan = make_plan(workspace, target, reinstall=reinstall)
        entries = target.lock.entries
        notes = (*map(str, unmet_dependencies(entries)), *yanked_notes(entries, workspace.vouched))
        if settings.dry_run:
            preview_deletions(workspace, plan)
        elif workspace.lock_bytes is not None:
            apply(workspace, target, plan)
        return SyncReport.of(plan, notes)
