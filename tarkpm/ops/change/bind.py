"""What an applied change makes of the record: what is accepted from then on, and who owns what is stored."""

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.binding import Owner, claim, current_owner, with_disabled
from tarkpm.core.plan import Plan
from tarkpm.ops.change.target import Target
from tarkpm.ops.project.workspace import Workspace
from tarkpm.store.state import Record

if TYPE_CHECKING:
    from tarkpm.ops.change.adopt import Adoption


def bind(workspace: Workspace, target: Target, changes: Plan, adopted: "Collection[Adoption]" = ()) -> Record:
    """The record with the bindings of ``target``.

    What was accepted is replaced by what is decided now, narrower too: what was taken away is asked about
    before it comes back. Decisions that were not accepted only narrow it.
    """
    before = workspace.record.accepted
    decided = Acceptance.of(target.project, target.lock)
    accepted = decided.remembering(before) if target.decided else before.narrowed(decided)
    owners = _claimed(workspace, accepted)
    owners = with_disabled(owners, _disabled(workspace, target, changes, owners))
    owners = with_disabled(owners, {one.name: True for one in adopted if not _was_enabled(workspace, one)})
    when = workspace.record.accepted_at if accepted == before else int(time.time())
    return msgspec.structs.replace(workspace.record, accepted=accepted, accepted_at=when, owners=owners)


def _claimed(workspace: Workspace, accepted: Acceptance) -> dict[str, tuple[Owner, ...]]:
    """The owners once every plugin is provided by the publisher that is accepted for it."""
    owners, keep = workspace.record.owners, workspace.settings.keep_data
    claimed = {
        name: claim(owners, name, binding.publisher, keep_data=keep)
        for name, binding in accepted.plugins.items()
        if binding.publisher.origin
    }
    return {**owners, **claimed}


def _disabled(
    workspace: Workspace, target: Target, changes: Plan, owners: Mapping[str, tuple[Owner, ...]]
) -> dict[str, bool]:
    """Whether each plugin is disabled: as its folder says, or as it was when that was last there.

    What the user removed begins enabled; what a pull takes away stays disabled for when it comes back.
    """
    there = set(workspace.environment.names())
    names = {*target.lock.by_name, *changes.remove} & {*owners}

    def is_disabled(name: str) -> bool:
        if name in there:
            return not workspace.environment.is_enabled(name)
        return current_owner(owners, name).disabled

    dropped: dict[str, bool] = dict.fromkeys(target.dropped, False)
    return {name: is_disabled(name) for name in sorted(names)} | dropped


def _was_enabled(workspace: Workspace, adoption: "Adoption") -> bool:
    return workspace.environment.is_enabled(adoption.folder)
