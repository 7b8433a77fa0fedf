"""What `info` says of a release's module, and of those who rebuilt it."""

from typing import TYPE_CHECKING

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import IndexSource
from tarkpm.errors import TarkError
from tarkpm.ops.project.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tarkpm.core.rebuilt import ListedRebuild
    from tarkpm.core.verification import VerifiedRelease
    from tarkpm.host.module.inspect import ModuleInfo


def installed_module(workspace: Workspace, name: str, wasm: str) -> "ModuleInfo | None":
    """Return what an installed module imports and exports; None if it cannot be read."""
    try:
        return module_info(workspace.environment.read(name, wasm))
    except (TarkError, OSError):
        return None


def module_info(data: bytes) -> "ModuleInfo | None":
    """Return what a module imports and exports; None if it cannot be read."""
    from tarkpm.host.module.inspect import inspect

    try:
        return inspect(data)
    except TarkError:
        return None


def rebuilders_of(
    candidate: "VerifiedRelease", rebuilds: "Iterable[ListedRebuild]"
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the keys that rebuilt a release of an index: with the same bytes, and with other ones."""
    from tarkpm.core.rebuilt import RebuiltRelease, rebuilders

    if candidate.statement is None:
        return (), ()
    manifest = candidate.manifest
    about = RebuiltRelease(manifest.name, manifest.version, candidate.statement.sha256, candidate.files)
    listed, signer = tuple(rebuilds), candidate.signer
    return rebuilders(about, listed, signer, same=True), rebuilders(about, listed, signer, same=False)


def known_rebuilders(
    workspace: Workspace, entry: LockEntry | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the same of a locked release, as its index said when it was last asked. No network."""
    if entry is None or entry.statement is None or not isinstance(entry.source, IndexSource):
        return (), ()
    from tarkpm.core.rebuilt import RebuiltRelease, rebuilders
    from tarkpm.sources.index.cached import cached_listing

    listing = cached_listing(workspace.settings.paths.cache, entry.source, entry.name)
    row = listing.get(entry.version) if listing else None
    if row is None:
        return (), ()
    about = RebuiltRelease(entry.name, entry.version, entry.statement.sha256, entry.files)
    same = rebuilders(about, row.rebuilds, entry.signer, same=True)
    return same, rebuilders(about, row.rebuilds, entry.signer, same=False)
