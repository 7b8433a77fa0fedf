"""The rows of listings: one per plugin, readable or not."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.names import MANIFEST
from tarkpm.core.release import IndexSource
from tarkpm.core.text import some
from tarkpm.errors import TarkError
from tarkpm.ops.project.proofs import known_signer
from tarkpm.ops.project.workspace import Workspace

if TYPE_CHECKING:
    pass

from tarkpm.errors import NotFound

LOCK = "tarkpm lock && tarkpm sync"
UNSIGNED, WORKING_COPY, UNMANAGED = "UNSIGNED", "unsigned working copy", "unmanaged"


class PluginRow(msgspec.Struct, frozen=True):
    """One plugin in a listing.

    ``status`` is enabled, disabled, revoked (and not disabled), missing (locked, not installed) or
    unreadable. ``signer`` is a public key, or one of UNSIGNED, "unsigned working copy" and "unmanaged" (a
    folder tarkpm did not install). ``unpinned`` says that tark.lock does not pin the tools of a tool plugin.
    """

    id: str
    version: str
    type: str
    status: str
    signer: str
    description: str
    unpinned: bool = False


def row_of(workspace: Workspace, name: str) -> PluginRow:
    """Return the row of a plugin, whether or not it can be read."""
    entry = workspace.lock.get(name)
    status, manifest = look(workspace, name)
    version = str(manifest.version) if manifest else str(entry.version) if entry else ""
    kind = manifest.type if manifest else entry.type if entry else ""
    description = manifest.description if manifest else ""
    unpinned = entry is not None and entry.is_unpinned
    return PluginRow(name, version, kind, status, signer_text(workspace, entry), description, unpinned)


def look(workspace: Workspace, name: str) -> tuple[str, Manifest | None]:
    """Return a plugin's status, as in `PluginRow`, and its manifest if it can be read."""
    environment = workspace.environment
    try:
        manifest = Manifest.parse(environment.read(name, MANIFEST), where=str(environment.folder(name)))
    except FileNotFoundError:
        return ("missing" if not environment.folder(name).exists() else "unreadable"), None
    except (TarkError, OSError):
        return "unreadable", None
    if not workspace.is_enabled(name):
        return "disabled", manifest
    return ("revoked" if is_revoked_here(workspace, workspace.lock.get(name)) else "enabled"), manifest


def is_revoked_here(workspace: Workspace, entry: LockEntry | None) -> bool:
    """Return whether this machine saw that a locked release was revoked."""
    if entry is None or not isinstance(entry.source, IndexSource):
        return False
    from tarkpm.core.withdrawn import is_revoked

    return is_revoked(entry, workspace.vouched)


def signer_text(workspace: Workspace, entry: LockEntry | None) -> str:
    """Return the ``signer`` of a row: a key, a proved CI identity or one of the words of `PluginRow`."""
    if entry is None:
        return UNMANAGED
    if entry.is_working_copy:
        return WORKING_COPY
    return known_signer(workspace, entry) or UNSIGNED


def withdrawn_notes(workspace: Workspace) -> Iterator[str]:
    """Yield notes about locked releases that were revoked or yanked."""
    entries = [entry for entry in workspace.lock.entries if isinstance(entry.source, IndexSource)]
    if entries:
        from tarkpm.core.withdrawn import yanked_notes
        from tarkpm.ops.release.way_back import way_back

        for entry in entries:
            if is_revoked_here(workspace, entry):
                who = f"the maintainers of {entry.source}; run: {way_back(workspace, entry)}"
                yield f"'{entry.name}' {entry.version} was revoked by {who}"
        yield from yanked_notes(entries, workspace.vouched)


def unpinned_note(names: Sequence[str]) -> str:
    """Return the note about plugins whose tools are not pinned; `lock` pins them, or says why it cannot."""
    return f"their tools are not pinned, so agents are not offered them: {some(names)}; run: tarkpm lock"


def unlocked_note(workspace: Workspace) -> str:
    """Return the note about plugins of tark.toml that tark.lock lacks; "" if it has all."""
    missing = [name for name in workspace.project.requirements if workspace.lock.get(name) is None]
    if not missing:
        return ""
    where = "there is no tark.lock" if workspace.lock_bytes is None else "tark.lock lacks them"
    return f"not locked, {where}: {some(missing)}; run: {LOCK}"


def not_installed(workspace: Workspace, name: str, entry: LockEntry | None) -> NotFound:
    """Return the error for a plugin that is not installed or cannot be read."""
    where = str(workspace.environment.plugins)
    if entry is None and name in workspace.environment.names():
        folder = str(workspace.environment.folder(name))
        return NotFound(
            f"the folder '{name}' does not contain a readable plugin", where=folder, hint="tarkpm verify"
        )
    if entry is not None:
        message = f"'{name}' is locked but not installed, or is damaged"
        return NotFound(message, where=where, hint="tarkpm sync")
    near = did_you_mean(name, workspace.environment.names())
    return NotFound(f"no plugin named '{name}' is installed{near}", where=where, hint="tarkpm list")
