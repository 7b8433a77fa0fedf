"""``tarkpm sync``: make the environment match the lock. Never resolves."""

import msgspec

from tarkpm.core.names import PROJECT
from tarkpm.errors import LockStale
from tarkpm.ops.change.sync_change import SyncChange, sync_changes
from tarkpm.ops.project.advice import project_note, settled_note
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import asks_again, open_for_change


class SyncReport(msgspec.Struct, frozen=True):
    """The plugins that sync installed, removed and left unchanged."""

    installed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    changes: tuple[SyncChange, ...] = ()
    notes: tuple[str, ...] = ()


@asks_again
def sync(settings: Settings, ui: Ui, *, reinstall: bool = False) -> SyncReport:
    """Install, remove and repair until the environment matches tark.lock.

    ``reinstall`` installs everything again. Raises `LockStale` without a lock or if it does not follow from
    tark.toml, and what fetching and verifying raise; then nothing has changed.
    """
    with open_for_change(settings, ui) as workspace:
        # 1. Stop where nothing has changed since the last sync. Only file status is read (decision 0002).
        #    A bundle is read all the same: it may say what was revoked since.
        if not (reinstall or settings.accept_project or settings.bundle) and workspace.is_settled():
            note = settled_note(workspace)
            return SyncReport((), (), tuple(workspace.record.installed), notes=(note,) if note else ())
        # Imported here, because a sync without work must not wait for parsers and the resolver.
        from tarkpm.core.resolution.resolver import unmet_dependencies
        from tarkpm.core.withdrawn import yanked_notes
        from tarkpm.ops.change.apply import apply, preview_deletions
        from tarkpm.ops.change.planning import make_plan
        from tarkpm.ops.change.prove import require_proofs
        from tarkpm.ops.change.stage import check_installable
        from tarkpm.ops.change.target import Target, check_target
        from tarkpm.ops.project.acceptance import require_accepted
        from tarkpm.ops.project.indexes import Indexes

        if workspace.lock_bytes is None and workspace.project.requirements:
            where = str(workspace.location.lock_file)
            raise LockStale(
                f"{PROJECT} requires plugins, but there is no tark.lock", where=where, hint="tarkpm lock"
            )
        # 2. Consent comes before the network: an index of an unaccepted project is never contacted
        #    (docs/trust-rules.md, rule 3).
        workspace.require_built_here()
        require_accepted(workspace)
        # 3. Learn which publishers the indexes vouch for, which step 4 needs and a new machine does not know.
        unused, has_code = "", False
        if settings.bundle:
            from tarkpm.ops.release.carried import Carried

            workspace.resource(Carried).learn()
            unused = workspace.resource(Carried).unused
            if workspace.resource(Carried).bundle.compiled:
                from tarkpm.ops.release.carried_code import CarriedCode

                # What a listed key signed must hold before anything changes.
                has_code = workspace.resource(CarriedCode).offer is not None
        else:
            workspace.resource(Indexes).learn_publishers(workspace.lock.entries)
        # 4. Check that the lock follows from the project and that every signer is trusted (rule 2).
        target = check_target(workspace, Target(workspace.project, workspace.lock, decided=True))
        # 5. Plan. A reinstallation also verifies again what was verified here before.
        if reinstall:
            workspace.forget_verified()
            require_proofs(workspace, target.project, target.lock.entries, again=True)
        plan = make_plan(workspace, target, reinstall=reinstall, needs_copies=True)
        entries = target.lock.entries
        known = (*yanked_notes(entries, workspace.vouched), project_note(workspace), unused)
        notes = (*map(str, unmet_dependencies(entries)), *filter(None, known))
        changes = tuple(sync_changes(workspace, plan))
        # 6. Apply: fetch, verify, stage and switch.
        if settings.dry_run:
            check_installable(workspace, plan.install)
            preview_deletions(workspace, plan)
        elif workspace.lock_bytes is not None:
            apply(workspace, target, plan)
            if has_code:  # an earlier sync that was interrupted may not have taken all of it
                from tarkpm.ops.run.compile_installed import compile_big

                compile_big(workspace, plan.keep)
        installed = tuple(entry.name for entry in plan.install)
        return SyncReport(installed, plan.remove, plan.keep, changes, notes)
