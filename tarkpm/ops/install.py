"""The common tail of every verb that changes an environment: make it what the lock says.

Compare, fetch what the store lacks, verify, stage, commit. Nothing is switched before all of it is checked.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from tarkpm.core import statement
from tarkpm.core.candidate import Candidate, check_names, verify_release
from tarkpm.core.decisions import Decisions
from tarkpm.core.digest import sha256
from tarkpm.core.lockfile import Lock, LockEntry, fingerprint, render
from tarkpm.core.manifest import Manifest
from tarkpm.core.plan import Plan, plan
from tarkpm.core.policy import check_matches, check_minimum, check_trusted, stale_entries
from tarkpm.core.project import Project
from tarkpm.core.release import MANIFEST, STATEMENT, PathSource, PluginName
from tarkpm.errors import BlobMissing, DigestMismatch, SignatureInvalid, StoreError
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.acquire import Release, acquire, read_folder, stored_files
from tarkpm.ops.context import Workspace
from tarkpm.store.journal import Document, Transaction, commit
from tarkpm.store.state import Installed


class Target(msgspec.Struct, frozen=True):
    """What a project and its environment are to become. ``project_bytes`` None leaves tark.toml alone.

    ``decided`` says that every decision in the project counts as this user's own: they were accepted before,
    and what is new was decided through tarkpm just now.
    """

    project: Project
    lock: Lock
    project_bytes: bytes | None = None
    decided: bool = False


def check_target(target: Target) -> None:
    """Rule 2: raise unless every lock entry follows from the project and is trusted by it."""
    for problem in stale_entries(target.project, target.lock):
        raise problem
    for entry in target.lock.entries:
        check_trusted(target.project, entry)
        check_minimum(entry.name, entry.min_tark_version, target.project.tark_version)


def make_plan(workspace: Workspace, lock: Lock) -> Plan:
    """What must change in the environment: looks at installed files' sizes and times, not at their bytes.

    Working copies are read and hashed: their bytes may change at any time.
    """
    installed = workspace.record.installed
    intact = {entry.name for entry in lock.entries if _is_intact(workspace, entry)}
    return plan(lock, intact, [PluginName(name) for name in installed])


def _is_intact(workspace: Workspace, entry: LockEntry) -> bool:
    installed = workspace.record.installed.get(entry.name)
    if installed is None or installed.fingerprint != fingerprint(entry):
        return False
    if isinstance(entry.source, PathSource):
        now = read_folder(workspace.place.folder, entry.source).files
        if {name: sha256(data) for name, data in now.items()} != {f.name: f.sha256 for f in installed.files}:
            return False
    return workspace.environment.is_intact(entry.name, installed.files)


def apply(workspace: Workspace, target: Target, changes: Plan, releases: Iterable[Release] = ()) -> None:
    """Make the project and its environment what ``target`` says; ``releases`` were just acquired.

    Raises before anything is changed, or succeeds as a whole.
    """
    check_target(target)
    documents = _documents(workspace, target)
    accepted = Decisions.of(target.project) if target.decided else workspace.record.accepted
    if not changes and not documents and accepted == workspace.record.accepted:
        return
    workspace.prepare()
    _check_free(workspace, changes)
    ready = {release.candidate.manifest.name: release for release in releases}
    _fetch_missing(workspace, changes.install, ready)
    workspace.ui.busy("installing" if changes.install else "")
    staged = run_parallel(
        lambda entry: _stage(workspace, entry, ready.get(entry.name)),
        changes.install,
        threads=workspace.settings.threads,
    )
    installed = {name: workspace.record.installed[name] for name in changes.keep}
    installed |= {entry.name: new for entry, new in zip(changes.install, staged, strict=True)}
    record = msgspec.structs.replace(workspace.record, accepted=accepted, installed=installed)
    names = tuple(entry.name for entry in changes.install)
    commit(workspace.environment, Transaction(names, changes.remove, documents, record), workspace.state)
    workspace.record = record


def _documents(workspace: Workspace, target: Target) -> tuple[Document, ...]:
    """The documents whose bytes change; an unchanged file is not rewritten."""
    lock_bytes = render(target.lock)
    wanted = [
        (workspace.place.project_file, workspace.project_bytes, target.project_bytes),
        (workspace.place.lock_file, workspace.lock_bytes, lock_bytes),
    ]
    for file, _, _ in wanted:
        file.parent.mkdir(parents=True, exist_ok=True)
    return tuple(
        Document.change(file, before, after)
        for file, before, after in wanted
        if after is not None and after != before
    )


def _check_free(workspace: Workspace, changes: Plan) -> None:
    """Raise `StoreError` where a folder that tarkpm did not install stands in the way."""
    standing = set(workspace.environment.names()) - set(workspace.record.installed)
    for entry in changes.install:
        if entry.name in standing:
            folder = workspace.environment.folder(entry.name)
            raise StoreError(
                f"a folder that tarkpm did not install has the place of '{entry.name}'",
                where=str(folder),
                hint=f"look at it, then: mv {folder} {entry.name}.old",
            )


def _fetch_missing(
    workspace: Workspace, entries: Iterable[LockEntry], ready: dict[PluginName, Release]
) -> None:
    """Put every blob that is not in the store there; each must be what the lock says."""
    for release in ready.values():
        if release.candidate.entry().files:
            for data in release.contents.values():
                workspace.store.put(data)
    missing = [e for e in entries if e.name not in ready and workspace.store.missing(stored_files(e))]
    if missing and workspace.settings.offline:
        names = ", ".join(entry.name for entry in missing)
        raise BlobMissing(f"not in the store, and --offline allows no download: {names}", hint="tarkpm sync")
    for entry, release in zip(missing, acquire(workspace, [e.source for e in missing]), strict=True):
        check_same(entry, release.candidate)
        for data in release.contents.values():
            workspace.store.put(data)
        ready[entry.name] = release


def check_same(entry: LockEntry, candidate: Candidate) -> None:
    """Raise unless a fetched release is the locked one: same signer, same bytes, same plugin.toml."""
    where = str(entry.source)
    if candidate.signer != entry.signer:
        raise SignatureInvalid(
            f"'{entry.name}' is signed by {candidate.signer or 'nobody'}, the lock says "
            f"{entry.signer or 'nobody'}",
            where=where,
            hint=f"tarkpm update {entry.name}",
        )
    if (candidate.files, candidate.statement) != (entry.files, entry.statement):
        raise DigestMismatch(
            f"'{entry.name}' has other bytes at its source than the lock says",
            where=where,
            hint=f"tarkpm update {entry.name}",
        )
    check_matches(entry, candidate.manifest, where=where)


def _stage(workspace: Workspace, entry: LockEntry, release: Release | None) -> Installed:
    """Verify one entry and build its folder in the staging area."""
    if isinstance(entry.source, PathSource):
        return _stage_working_copy(workspace, entry, entry.source)
    files = stored_files(entry)
    contents: Mapping[str, bytes] = release.contents if release else _verify_stored(workspace, entry)
    environment = workspace.environment
    described = environment.stage(
        entry.name, files, workspace.store, data=workspace.data(entry.name), contents=contents
    )
    return Installed(fingerprint(entry), described)


def _verify_stored(workspace: Workspace, entry: LockEntry) -> dict[str, bytes]:
    """Check a locked release's statement and plugin.toml, read from the store.

    The module itself is checked against the same digests as it is copied.
    """
    by_name = {file.name: file for file in stored_files(entry)}
    contents: dict[str, bytes] = {}
    for name in (MANIFEST, STATEMENT):
        if name in by_name:
            contents[name] = workspace.store.read(by_name[name])
    verify_documents(entry, contents, where=str(entry.source))
    return contents


def verify_documents(entry: LockEntry, contents: Mapping[str, bytes], *, where: str) -> Manifest:
    """Check a locked release's signature, and that statement, plugin.toml and lock agree.

    ``contents`` holds the bytes of plugin.toml and, if the entry is signed, of its statement, both of which
    have the locked digests already. Raises `VerificationError`, `LockStale`, `ManifestError`.
    """
    manifest = Manifest.parse(contents[MANIFEST], where=f"{where}: {MANIFEST}")
    if entry.statement:
        said, signer = statement.verify(contents[STATEMENT], where=f"{where}: {STATEMENT}")
        check_names(said, manifest.name, manifest.version, where=where)
        if signer != entry.signer:
            raise SignatureInvalid(
                f"'{entry.name}' is signed by {signer}, the lock says {entry.signer}", where=where
            )
        if said.files != entry.files:
            raise DigestMismatch(f"'{entry.name}' is locked with other files than were signed", where=where)
    check_matches(entry, manifest, where=where)
    return manifest


def _stage_working_copy(workspace: Workspace, entry: LockEntry, source: PathSource) -> Installed:
    folder = workspace.place.folder / Path(source.path).expanduser()
    collected = read_folder(workspace.place.folder, source)
    candidate = verify_release(collected.files, None, source, where=str(folder))
    check_matches(entry, candidate.manifest, where=str(folder))
    described = workspace.environment.stage(
        entry.name,
        candidate.files,
        workspace.store,
        data=workspace.data(entry.name),
        contents=collected.files,
    )
    return Installed(fingerprint(entry), described)
