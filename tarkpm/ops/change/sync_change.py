"""What a plan changes in an environment, as `sync` and `rollback` report it."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # a sync without work imports this module, and needs none of these
    from collections.abc import Iterator

    from tarkpm.core.plan import Plan
    from tarkpm.ops.project.workspace import Workspace


class SyncChange(msgspec.Struct, frozen=True):
    """A change of one plugin. ``before`` is "" for a new plugin, ``after`` is "" for a removed one."""

    name: str
    before: str
    after: str


def sync_changes(workspace: "Workspace", plan: "Plan") -> "Iterator[SyncChange]":
    """Yield what a plan changes, with the versions that are installed before it is applied."""
    from tarkpm.ops.release.installed import installed_version

    for entry in plan.install:
        yield SyncChange(entry.name, installed_version(workspace, entry.name), str(entry.version))
    for name in plan.remove:
        yield SyncChange(name, installed_version(workspace, name), "")
