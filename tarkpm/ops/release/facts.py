"""What this machine knows of locked releases: their plugin.toml, and what made their modules."""

from tarkpm.core.digest import FileEntry
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.errors import TarkError
from tarkpm.host.module.producers import Producer, producers
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.installed import installed_manifest
from tarkpm.store.blobs import BlobStore


def stored_manifest(store: BlobStore, entry: LockEntry) -> Manifest | None:
    """Return the plugin.toml that the store has of a locked release; None without it.

    None also for one that is damaged, or that is none: a lock can name any digest.
    """
    file = _manifest_file(entry)
    try:
        return Manifest.parse(store.read(file)) if file and store.has(file) else None
    except TarkError:
        return None


def known_manifest(workspace: Workspace, entry: LockEntry) -> Manifest | None:
    """Return the plugin.toml of a locked release, from the store or the environment; None without it.

    Its digest is the locked one. A working copy's is the installed one.
    """
    file = _manifest_file(entry)
    if file and workspace.store.has(file):
        return stored_manifest(workspace.store, entry)
    try:
        return installed_manifest(workspace, entry)
    except TarkError:
        return None


def _manifest_file(entry: LockEntry) -> FileEntry | None:
    return next((file for file in entry.files if file.name == MANIFEST), None)


def known_producers(workspace: Workspace, entry: LockEntry) -> tuple[Producer, ...]:
    """Return what the module of a locked release says of its making; () if the store does not have it."""
    module = next((file for file in entry.files if file.name.endswith(".wasm")), None)
    try:
        return producers(workspace.store.read(module)) if module and workspace.store.has(module) else ()
    except TarkError:
        return ()
