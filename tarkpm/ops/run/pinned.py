"""The pinned definitions of installed plugins, from the lock and the store: no plugin is started."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.lockfile import LockEntry, fingerprint
from tarkpm.core.text import some
from tarkpm.core.tool import ToolDef
from tarkpm.errors import TarkError
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.proofs import check_signer
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.listing import LOCK
from tarkpm.ops.release.team_check import entry_violations
from tarkpm.ops.release.tool_rows import definitions
from tarkpm.ops.release.unmanaged import read_unmanaged, unmanaged_names
from tarkpm.store.withheld import Withheld


class PinnedPlugin(msgspec.Struct, frozen=True):
    """An enabled tool plugin: its definitions, or None if they are not all known, and what it was granted.

    ``is_pinned`` says whether tark.lock pins the definitions, whether they are known here or not;
    ``is_unpinned`` whether it should and does not: a working copy has no pins. ``is_installed`` says whether
    what is installed here is what tark.lock says.
    """

    name: str
    tools: Sequence[ToolDef] | None
    granted: CapabilitySet
    is_pinned: bool
    is_unpinned: bool
    is_installed: bool

    @property
    def is_missing(self) -> bool:
        """Return whether the definitions are pinned and the plugin is not installed."""
        return self.is_pinned and not self.is_installed


def pinned_plugins(workspace: Workspace) -> list[PinnedPlugin]:
    """Return the enabled tool plugins of the lock, in the order of tark.toml, then of their names.

    Raises `ProjectNotAccepted`.
    """
    workspace.require_built_here()
    require_accepted(workspace)
    allowed = _allowed(workspace)
    order = {name: place for place, name in enumerate(workspace.project.requirements)}
    entries = [
        one
        for one in workspace.followed.entries
        if one.type == "tool" and workspace.is_enabled(one.name) and one.name in allowed
    ]
    entries.sort(key=lambda one: (order.get(one.name, len(order)), one.name))
    return [
        PinnedPlugin(
            one.name,
            _stored(workspace, one),
            workspace.project.granted(one.name),
            is_pinned=one.tools is not None,
            is_unpinned=one.is_unpinned,
            is_installed=_is_installed(workspace, one),
        )
        for one in entries
    ]


def _allowed(workspace: Workspace) -> Collection[str]:
    """Return the plugins that the team policies allow; the others are noted."""
    entries = workspace.followed.entries
    found = entry_violations(workspace, workspace.project, entries)
    if forbidden := list(dict.fromkeys(one.plugin for one in found)):
        workspace.ui.note(
            f"the team policy forbids these plugins: {some(forbidden)}; see: tarkpm policy check"
        )
    return {entry.name for entry in entries} - {*forbidden}


def unmanaged_tools(workspace: Workspace) -> list[str]:
    """Return the enabled tool plugins that tarkpm did not install: no lock could pin their tools."""
    found = []
    for name in unmanaged_names(workspace):
        with suppress(OSError, TarkError):
            if workspace.is_enabled(name) and read_unmanaged(workspace, name).manifest.type == "tool":
                found.append(name)
    return found


def left_out_notes(workspace: Workspace, plugins: Sequence[PinnedPlugin]) -> Iterator[str]:
    """Yield why agents are not offered the tools of some of these plugins, a note for each reason."""
    working = {one.name for one in workspace.followed.entries if one.is_working_copy}
    if copies := [one.name for one in plugins if one.name in working]:
        yield f"working copies have no pinned tools and are left out: {some(copies)}"
    # As in every fresh clone: the pins are there, the plugins are not.
    if missing := [one.name for one in plugins if one.is_missing]:
        yield f"not installed as tark.lock says: {some(missing)}; run: tarkpm sync"
    others = {*working, *missing}
    if unpinned := [one.name for one in plugins if one.tools is None and one.name not in others]:
        yield f"their tools are not pinned: {some(unpinned)}; run: {LOCK}"


def _stored(workspace: Workspace, entry: LockEntry) -> Sequence[ToolDef] | None:
    """Return the definitions of an installed plugin; None if it must be asked, or must not run."""
    if entry.tools is None or not _is_installed(workspace, entry):
        return None
    try:
        check_signer(workspace, workspace.project, entry)
    except TarkError:
        return None  # loading the plugin reports why
    found = definitions(workspace, entry.tools)
    if len(found) != len(entry.tools):
        return None
    notes = Withheld(workspace.state.root)
    withheld = {tool for file in entry.files for tool in notes.tools(file.sha256, entry.tools)}
    return [tool for tool in found if tool.name not in withheld]


def _is_installed(workspace: Workspace, entry: LockEntry) -> bool:
    installed = workspace.record.installed.get(entry.name)
    return installed is not None and installed.fingerprint == fingerprint(entry)
