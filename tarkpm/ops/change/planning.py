"""Plan a change of the environment: what to install, remove and keep."""

from tarkpm.core.binding import Owner, current_owner
from tarkpm.core.digest import sha256
from tarkpm.core.lockfile import LockEntry, fingerprint
from tarkpm.core.plan import Plan, plan
from tarkpm.core.release import PathSource, PluginName
from tarkpm.ops.change.bind import accepted_after, owners_after
from tarkpm.ops.change.target import Target
from tarkpm.ops.project.workspace import Workspace


def make_plan(workspace: Workspace, target: Target, *, reinstall: bool = False) -> Plan:
    """Return what must change in the environment, judged by installed files' sizes and times.

    Working copies are read and hashed, because they may change at any time. ``reinstall`` treats nothing as
    intact.
    """
    installed = workspace.record.installed
    # The owners after the change: a plugin that gets another publisher must get another data link.
    owners = owners_after(workspace, accepted_after(workspace, target))
    intact = {
        entry.name
        for entry in target.lock.entries
        if not reinstall and _is_intact(workspace, entry, current_owner(owners, entry.name))
    }
    return plan(target.lock, intact, [PluginName(name) for name in installed])


def untouched(workspace: Workspace) -> Plan:
    """Return the plan of a verb that changes documents and no installed plugin."""
    return Plan(keep=tuple(PluginName(name) for name in workspace.record.installed))


def _is_intact(workspace: Workspace, entry: LockEntry, owner: Owner) -> bool:
    """Return whether an entry is installed as locked, and its data link leads to its owner's data."""
    installed = workspace.record.installed.get(entry.name)
    if installed is None or installed.fingerprint != fingerprint(entry):
        return False
    # The link in the folder decides which publisher's data the plugin sees (docs/trust-rules.md, rule 0).
    if workspace.environment.data_link(entry.name) != workspace.data(entry.name, owner):
        return False
    if isinstance(entry.source, PathSource):
        from tarkpm.ops.release.fetch import read_folder

        now = read_folder(workspace.location.folder, entry.source).files
        if {name: sha256(data) for name, data in now.items()} != {f.name: f.sha256 for f in installed.files}:
            return False
    return workspace.environment.is_intact(entry.name, installed.files)
