"""Verify locked releases, and build their folders in the staging area."""

from collections.abc import Collection, Mapping

from tarkpm.core.lock_check import check_matches
from tarkpm.core.lockfile import LockEntry, fingerprint
from tarkpm.core.release import PathSource
from tarkpm.core.verification import VerifiedRelease, verify_release
from tarkpm.errors import BlobMissing
from tarkpm.host.module.fit import check_module
from tarkpm.io.files import remove_tree
from tarkpm.ops.change.fetch_locked import fetch_locked, fetch_missing, missing_releases, verify_stored
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import (
    Release,
    inspect_hint,
    read_folder,
    stored_files,
)
from tarkpm.ops.release.team_check import check_entry
from tarkpm.store.staging import stage as place
from tarkpm.store.state import Installed


def check_installable(workspace: Workspace, entries: Collection[LockEntry]) -> None:
    """Raise what installing these entries would raise; fetches what the store lacks, and keeps nothing.

    A dry run that skips a check of the run itself promises what does not happen.
    """
    missing = missing_releases(workspace, entries)
    for _ in fetch_locked(workspace, missing):
        pass
    for entry in entries:
        if isinstance(entry.source, PathSource):
            _read_working_copy(workspace, entry, entry.source, None)
        elif entry not in missing and fingerprint(entry) not in workspace.verified:
            verify_stored(workspace, entry)


def stage(workspace: Workspace, entry: LockEntry, release: Release | None) -> Installed:
    """Verify one entry and build its folder in the staging area.

    ``release`` was verified just now. If it is None or not the locked one, the store's contents are verified,
    and fetched again if they are damaged.
    """
    # A working copy changes under its lock entry, so it has no locked digests to check against.
    if isinstance(entry.source, PathSource):
        return _stage_working_copy(workspace, entry, entry.source, release)
    try:
        return _stage_stored(workspace, entry, release.contents if release and release.holds(entry) else {})
    except BlobMissing:
        if workspace.settings.offline:
            raise
    # the store dropped a damaged blob, which now counts as missing: fetch the release again
    remove_tree(workspace.environment.staging / entry.name)
    (release,) = fetch_missing(workspace, [entry], [])
    return _stage_stored(workspace, entry, release.contents)


def _stage_stored(workspace: Workspace, entry: LockEntry, contents: Mapping[str, bytes]) -> Installed:
    mark = fingerprint(entry)
    # Verified in this run or, according to the record, when this entry was installed here (decision 0002).
    if not contents and mark not in workspace.verified:
        contents = verify_stored(workspace, entry)
    files, data = stored_files(entry), workspace.data(entry.name)
    described = place(
        workspace.environment,
        entry.name,
        files,
        workspace.store,
        data=data,
        contents=contents,
        enabled=workspace.is_enabled(entry.name),
    )
    return Installed(mark, described)


def _stage_working_copy(
    workspace: Workspace, entry: LockEntry, source: PathSource, release: Release | None
) -> Installed:
    candidate, files = _read_working_copy(workspace, entry, source, release)
    described = place(
        workspace.environment,
        entry.name,
        candidate.files,
        workspace.store,
        data=workspace.data(entry.name),
        contents=files,
        enabled=workspace.is_enabled(entry.name),
    )
    return Installed(fingerprint(entry), described)


def _read_working_copy(
    workspace: Workspace, entry: LockEntry, source: PathSource, release: Release | None
) -> tuple[VerifiedRelease, Mapping[str, bytes]]:
    """Return a working copy and its files, checked against its lock entry and its type."""
    collected = read_folder(workspace.location.folder, source)
    candidate = verify_release(collected.files, None, source, where=str(source))
    manifest = candidate.manifest
    check_matches(entry, manifest, where=str(source))
    check_entry(workspace, entry, manifest)
    module = collected.files[manifest.wasm]
    if release is None or release.contents.get(manifest.wasm) != module:  # otherwise it was just checked
        hint = inspect_hint(workspace.location.folder, source, collected)
        check_module(module, manifest.type, where=f"{source}: {manifest.wasm}", hint=hint)
    return candidate, collected.files
