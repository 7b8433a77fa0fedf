"""Fetch locked releases that the store lacks, verify everything, and stage it."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core import statement
from tarkpm.core.lock_check import check_matches
from tarkpm.core.lockfile import LockEntry, Pin, fingerprint
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import DirectSource, IndexSource, OciSource, PathSource
from tarkpm.core.verification import VerifiedRelease, check_names, verify_release
from tarkpm.errors import BlobMissing, DigestMismatch, SignatureInvalid
from tarkpm.host.module.fit import check_module
from tarkpm.io.files import remove_tree
from tarkpm.io.parallel import batches, run_parallel, threads_for
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import (
    MEMORY,
    Release,
    acquire,
    acquire_pinned,
    inspect_hint,
    read_folder,
    stored_files,
)
from tarkpm.ops.release.team_check import check_entry
from tarkpm.store.origins import Origins
from tarkpm.store.staging import stage as place
from tarkpm.store.state import Installed

if TYPE_CHECKING:
    from tarkpm.ops.release.carried import Carried


def fetch_missing(
    workspace: Workspace, entries: Iterable[LockEntry], known: Iterable[Release]
) -> list[Release]:
    """Put every missing blob into the store; each must match the lock.

    ``known`` releases were acquired just now. Returns them and the fetched ones; those beyond `MEMORY` bytes
    have no contents and are read from the store. Raises `BlobMissing` if a download is needed offline.
    """
    releases, room = list[Release](), MEMORY
    for release in itertools.chain.from_iterable(fetch_groups(workspace, entries, known)):
        room -= sum(map(len, release.contents.values()))
        releases.append(release if room >= 0 else msgspec.structs.replace(release, contents={}))
    return releases


def fetch_groups(
    workspace: Workspace, entries: Iterable[LockEntry], known: Iterable[Release]
) -> Iterator[list[Release]]:
    """Put every missing blob into the store, and yield the releases: ``known`` ones first, then fetched ones.

    They come in groups that fit in memory: all releases of a project may not. Raises like `fetch_missing`.
    """
    releases = [release for release in known if release.candidate.entry().files]
    have = {release.candidate.manifest.name for release in releases}
    missing = _missing(workspace, (entry for entry in entries if entry.name not in have))
    fetched = (_fetch(workspace, group) for group in _groups(workspace, missing))
    for group in itertools.chain([releases], fetched):
        threads = threads_for([one.candidate.module.size for one in group], workspace.settings.threads)
        run_parallel(lambda release: _store(workspace, release), group, threads=threads)
        yield group


def check_installable(workspace: Workspace, entries: Collection[LockEntry]) -> None:
    """Raise what installing these entries would raise; fetches what the store lacks, and keeps nothing.

    A dry run that skips a check of the run itself promises what does not happen.
    """
    missing = _missing(workspace, entries)
    for group in _groups(workspace, missing):
        _fetch(workspace, group)
    for entry in entries:
        if isinstance(entry.source, PathSource):
            _read_working_copy(workspace, entry, entry.source, None)
        elif entry not in missing and fingerprint(entry) not in workspace.verified:
            _verify_stored(workspace, entry)


def _missing(workspace: Workspace, entries: Iterable[LockEntry]) -> list[LockEntry]:
    """Return the entries that must be fetched. Raises `BlobMissing` if that is needed offline."""
    missing = [entry for entry in entries if not _is_here(workspace, entry)]
    absent = [entry for entry in missing if not _is_carried(workspace, entry)]
    if absent and workspace.settings.offline:
        for entry in absent:
            if not workspace.store.missing(stored_files(entry)):
                # a forged entry is reported as forged, not as missing (docs/trust-rules.md, rule 10)
                _verify_stored(workspace, entry)
        names = ", ".join(entry.name for entry in absent)
        settings = workspace.settings
        message = f"not in the store, and {settings.offline_by} forbids downloads: {names}"
        raise BlobMissing(message, hint=settings.online_hint)
    return missing


def _store(workspace: Workspace, release: Release) -> None:
    entry = release.candidate.entry()
    for file in stored_files(entry):
        workspace.store.put(file, release.contents[file.name])
    # A bundle proves what was signed, and not which commit of a repository has it.
    if not workspace.settings.bundle:
        Origins(workspace.settings.paths.cache).remember(entry)


def _is_carried(workspace: Workspace, entry: LockEntry) -> bool:
    return workspace.settings.bundle is not None and workspace.resource(_carried()).has(entry)


def _carried() -> "type[Carried]":
    """Return the resource, whose imports only a command with a bundle pays for."""
    from tarkpm.ops.release.carried import Carried

    return Carried


def _groups(workspace: Workspace, entries: Iterable[LockEntry]) -> Iterator[list[LockEntry]]:
    """Yield entries to fetch together: those of git and folders at once, the others by size."""
    entries = list(entries)
    if workspace.settings.bundle:
        # Smaller ones: a file gains nothing by many requests, and memory that was used before fills faster.
        yield from batches(entries, lambda entry: entry.size, MEMORY // 2)
        return
    sized = IndexSource, OciSource
    yield from filter(None, [[entry for entry in entries if not isinstance(entry.source, sized)]])
    pinned = (entry for entry in entries if isinstance(entry.source, sized))
    yield from batches(pinned, lambda entry: entry.size, MEMORY)


def _fetch(workspace: Workspace, entries: list[LockEntry]) -> list[Release]:
    """Fetch the releases of locked entries from their sources, or a bundle; each must match the lock."""
    if workspace.settings.bundle:
        return _checked(workspace, entries, workspace.resource(_carried()).releases(entries))
    direct, pinned, pins = [], [], []
    sources: list[DirectSource] = []
    for entry in entries:
        if isinstance(entry.source, IndexSource):
            pinned.append(entry)
            pins.append((entry.source, _pin_of(entry)))
        else:
            direct.append(entry)
            sources.append(entry.source)
    names = {entry.source: entry.name for entry in direct}
    fetched = [*acquire(workspace, sources, names), *acquire_pinned(workspace, pins)]
    return _checked(workspace, [*direct, *pinned], fetched)


def _checked(workspace: Workspace, entries: list[LockEntry], fetched: list[Release]) -> list[Release]:
    for entry, release in zip(entries, fetched, strict=True):
        check_same(entry, release.candidate)
        check_entry(workspace, entry, release.candidate.manifest)
    return fetched


def _pin_of(entry: LockEntry) -> Pin:
    """Return the pin of a locked release of an index, which always has a statement."""
    assert entry.statement is not None
    return Pin(entry.name, entry.statement, entry.files)


def _is_here(workspace: Workspace, entry: LockEntry) -> bool:
    """Return whether the store has the entry's files, known to be those of its commit.

    Otherwise a lock could pair a commit with the files of another release in the store.
    """
    if workspace.store.missing(stored_files(entry)):
        return False
    # A blob does not say which commit it came from (decision 0084).
    return fingerprint(entry) in workspace.verified or Origins(workspace.settings.paths.cache).saw(entry)


def check_same(entry: LockEntry, candidate: VerifiedRelease) -> None:
    """Raise unless a fetched release is the locked one: same signer, contents and plugin.toml.

    Raises `SignatureInvalid`, `DigestMismatch`, `LockStale` (docs/trust-rules.md, rule 2).
    """
    where, hint = str(entry.source), f"tarkpm update {entry.name}"
    if candidate.signer != entry.signer:
        by, expected = candidate.signer or "nobody", entry.signer or "nobody"
        raise SignatureInvalid(
            f"'{entry.name}' is signed by {by}, but tark.lock names {expected}", where=where, hint=hint
        )
    if (candidate.files, candidate.statement) != (entry.files, entry.statement):
        raise DigestMismatch(
            f"the source contents of '{entry.name}' differ from tark.lock", where=where, hint=hint
        )
    check_matches(entry, candidate.manifest, where=where)


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
        contents = _verify_stored(workspace, entry)
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


def _verify_stored(workspace: Workspace, entry: LockEntry) -> dict[str, bytes]:
    """Check a locked release's statement and plugin.toml, read from the store.

    The module itself is checked against the same digests as it is copied. That it fits its type was checked
    before it was stored.
    """
    by_name = {file.name: file for file in stored_files(entry)}
    contents: dict[str, bytes] = {}
    for name in (MANIFEST, STATEMENT):
        if name in by_name:
            contents[name] = workspace.store.read(by_name[name])
    verify_documents(entry, contents, where=str(entry.source))
    return contents


def verify_documents(entry: LockEntry, contents: Mapping[str, bytes], *, where: str) -> Manifest:
    """Verify a locked release's signature, and that statement, plugin.toml and lock agree.

    ``contents`` holds the bytes of plugin.toml and, if the entry is signed, of its statement, both of which
    have the locked digests already. Raises `SignatureInvalid` and `DigestMismatch` (both are
    `VerificationError`), `LockStale`, `ManifestError`.
    """
    manifest = Manifest.parse(contents[MANIFEST], where=f"{where}: {MANIFEST}")
    if entry.statement:
        said, signer = statement.verify(contents[STATEMENT], where=f"{where}: {STATEMENT}")
        # The lock repeats what the statement says. Anyone can edit the lock, so both are compared (rule 2).
        check_names(said, manifest.name, manifest.version, where=where)
        if signer != entry.signer:
            raise SignatureInvalid(
                f"'{entry.name}' is signed by {signer}, but tark.lock names {entry.signer}", where=where
            )
        if said.files != entry.files:
            message = f"the locked files of '{entry.name}' differ from the signed ones"
            raise DigestMismatch(message, where=where)
    check_matches(entry, manifest, where=where)
    return manifest


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
