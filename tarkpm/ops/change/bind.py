"""Compute the record after a change: the accepted decisions and the owners of stored data."""

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.owner import Owner, claim, current_owner, with_disabled
from tarkpm.core.plan import Plan
from tarkpm.ops.change.target import Target
from tarkpm.ops.project.workspace import Workspace
from tarkpm.store.state import Record

if TYPE_CHECKING:
    from tarkpm.ops.change.adopt import Adoption


def bind(workspace: Workspace, target: Target, changes: Plan, adopted: "Collection[Adoption]" = ()) -> Record:
    """Return the record with the bindings of ``target`` (docs/trust-rules.md, rule 0).

    The current decisions replace the accepted ones even where they are narrower: what was removed is asked
    about before it returns. Decisions that this user did not make only narrow what is accepted.
    """
    before, accepted = workspace.record.accepted, accepted_after(workspace, target)
    owners = owners_after(workspace, accepted)
    owners = with_disabled(owners, _disabled(workspace, target, changes, owners))
    owners = with_disabled(owners, {one.name: True for one in adopted if not _was_enabled(workspace, one)})
    when = workspace.record.accepted_at if accepted == before else int(time.time())
    return msgspec.structs.replace(workspace.record, accepted=accepted, accepted_at=when, owners=owners)


def accepted_after(workspace: Workspace, target: Target) -> Acceptance:
    """Return what is accepted once ``target`` is applied."""
    before = workspace.record.accepted
    decided = Acceptance.of(target.project, target.lock)
    return decided.remembering(before) if target.decided else before.narrowed(decided)


def owners_after(workspace: Workspace, accepted: Acceptance) -> dict[str, tuple[Owner, ...]]:
    """Return the owners once every plugin belongs to the publisher accepted for it."""
    owners, keep = workspace.record.owners, workspace.settings.keep_data
    claimed = {
        name: claim(owners, name, binding.publisher, keep_data=keep)
        for name, binding in accepted.plugins.items()
        # No data belongs to a name that only [trust] or [grants] mentions, nor to a source where nobody may
        # sign: what is stored stays the former publisher's.
        if binding.publisher.origin and not binding.publisher.is_nobody
    }
    return {**owners, **claimed}


def _disabled(
    workspace: Workspace, target: Target, changes: Plan, owners: Mapping[str, tuple[Owner, ...]]
) -> dict[str, bool]:
    """Return whether each plugin is disabled: as its folder says, or as it was when last installed.

    A plugin that the user removed starts enabled when it returns; one that a pull removed stays disabled.
    """
    names = {*target.lock.by_name, *changes.remove} & {*owners}

    def is_disabled(name: str) -> bool:
        # State remembers: a marker that a pull takes away, from a folder git ignores, enables nothing.
        return not workspace.environment.is_enabled(name) or current_owner(owners, name).disabled

    dropped: dict[str, bool] = dict.fromkeys(target.dropped, False)
    return {name: is_disabled(name) for name in sorted(names)} | dropped


def _was_enabled(workspace: Workspace, adoption: "Adoption") -> bool:
    return workspace.environment.is_enabled(adoption.folder)
