"""Plan a change of the environment: what to install, remove and keep."""

from tarkpm.core.lockfile import LockEntry, fingerprint
from tarkpm.core.owner import Owner, current_owner
from tarkpm.core.plan import Plan, plan
from tarkpm.core.release import PluginName
from tarkpm.errors import NotFound
from tarkpm.ops.change.bind import accepted_after, owners_after
from tarkpm.ops.change.target import Target
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.installed import is_current_copy


def make_plan(
    workspace: Workspace, target: Target, *, reinstall: bool = False, needs_copies: bool = False
) -> Plan:
    """Return what must change in the environment, judged by installed files' sizes and times.

    Working copies are read and hashed, because they may change at any time. One whose folder is gone is kept
    as it is installed, or raises `NotFound` with ``needs_copies``. ``reinstall`` treats nothing as intact.
    """
    installed = workspace.record.installed
    # The owners after the change: a plugin that gets another publisher must get another data link.
    owners = owners_after(workspace, accepted_after(workspace, target))
    intact = {
        entry.name
        for entry in target.lock.entries
        if not reinstall and _is_intact(workspace, entry, current_owner(owners, entry.name), needs_copies)
    }
    return plan(target.lock, intact, [PluginName(name) for name in installed])


def untouched(workspace: Workspace) -> Plan:
    """Return the plan of a verb that changes documents and no installed plugin."""
    return Plan(keep=tuple(PluginName(name) for name in workspace.record.installed))


def refreshed(changes: Plan) -> list[PluginName]:
    """Return the working copies that a plan installs: under the same lock entry their files may differ."""
    return [entry.name for entry in changes.install if entry.is_working_copy]


def _is_intact(workspace: Workspace, entry: LockEntry, owner: Owner, needs_copies: bool) -> bool:
    """Return whether an entry is installed as locked, and its data link leads to its owner's data."""
    installed = workspace.record.installed.get(entry.name)
    if installed is None or installed.fingerprint != fingerprint(entry):
        return False
    # The link in the folder decides which publisher's data the plugin sees (docs/trust-rules.md, rule 0).
    if workspace.environment.data_link(entry.name) != workspace.data(entry.name, owner):
        return False
    try:
        if not is_current_copy(workspace, entry):
            return False
    except NotFound as problem:
        # A change of another plugin does not need the folder; only `sync` promises that all of them match.
        if needs_copies:
            text = f"the working copy of '{entry.name}' cannot be read: {problem.message}"
            raise NotFound(text, where=problem.where, hint=f"tarkpm remove {entry.name}") from problem
    return workspace.environment.is_intact(entry.name, installed.files)
