"""Fetch locked releases that the store lacks; each must be what the lock says."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core import statement
from tarkpm.core.lock_check import check_matches
from tarkpm.core.lockfile import LockEntry, Pin, fingerprint
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import DirectSource, IndexSource, OciSource
from tarkpm.core.verification import VerifiedRelease, check_names
from tarkpm.errors import BlobMissing, DigestMismatch, SignatureInvalid
from tarkpm.io.parallel import batches, run_parallel, threads_for
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import (
    MEMORY,
    Release,
    acquire,
    acquire_pinned,
    stored_files,
)
from tarkpm.ops.release.team_check import check_entry
from tarkpm.store.origins import Origins

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
    missing = missing_releases(workspace, (entry for entry in entries if entry.name not in have))
    fetched = (_fetch(workspace, group) for group in _groups(workspace, missing))
    for group in itertools.chain([releases], fetched):
        threads = threads_for([one.candidate.module.size for one in group], workspace.settings.threads)
        run_parallel(lambda release: store_release(workspace, release), group, threads=threads)
        yield group


def fetch_locked(workspace: Workspace, entries: Iterable[LockEntry]) -> Iterator[tuple[LockEntry, Release]]:
    """Fetch locked releases, though the store may have them, and yield each with its entry.

    Nothing is stored. A release that a bundle does not have is left out. Raises like `acquire`, and what
    `check_same` raises.
    """
    bundled = workspace.settings.bundle is not None
    wanted = [entry for entry in entries if not bundled or _is_carried(workspace, entry)]
    by_name = {entry.name: entry for entry in wanted}
    for group in _groups(workspace, wanted):
        # Not in the order of the group: `_fetch` has those of indexes last.
        yield from ((by_name[one.candidate.manifest.name], one) for one in _fetch(workspace, group))


def missing_releases(workspace: Workspace, entries: Iterable[LockEntry]) -> list[LockEntry]:
    """Return the entries that must be fetched. Raises `BlobMissing` if that is needed offline."""
    missing = [entry for entry in entries if not _is_here(workspace, entry)]
    absent = [entry for entry in missing if not _is_carried(workspace, entry)]
    if absent and workspace.settings.offline:
        for entry in absent:
            if not workspace.store.missing(stored_files(entry)):
                # a forged entry is reported as forged, not as missing (docs/trust-rules.md, rule 10)
                verify_stored(workspace, entry)
        names = ", ".join(entry.name for entry in absent)
        settings = workspace.settings
        message = f"not in the store, and {settings.offline_by} forbids downloads: {names}"
        raise BlobMissing(message, hint=settings.online_hint)
    return missing


def store_release(workspace: Workspace, release: Release) -> None:
    """Put the files of a release that was fetched just now into the store."""
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


def verify_stored(workspace: Workspace, entry: LockEntry) -> dict[str, bytes]:
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
