"""Fetch releases from their sources and verify signature and contents."""

import itertools
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tarkpm.core.binding import Origin
from tarkpm.core.digest import FileEntry
from tarkpm.core.lockfile import LockEntry, Pin
from tarkpm.core.names import STATEMENT
from tarkpm.core.release import (
    DirectSource,
    GitSource,
    IndexSource,
    OciSource,
    PathSource,
    PluginName,
    Source,
)
from tarkpm.core.tags import TagRange, meant_range, version_tags
from tarkpm.core.text import some
from tarkpm.core.tlog.proof import LogProof
from tarkpm.core.verification import VerifiedRelease, verify_release
from tarkpm.errors import CommitUnreached, NotFound, TooLarge
from tarkpm.host.module.fit import check_module
from tarkpm.io.parallel import run_parallel
from tarkpm.io.paths import expanded
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.team_policy import team_rules
from tarkpm.ops.project.workspace import Workspace
from tarkpm.sources.folder import ReleaseFiles, collect, likely_files

if TYPE_CHECKING:
    from tarkpm.sources.git import GitRemote

T = TypeVar("T")

MEMORY = 64 * 1024 * 1024
"""Bytes of releases that are fetched at once, and of those kept in memory until they are installed."""
FETCH_THREADS = 8


class Release(msgspec.Struct, frozen=True):
    """A verified release and its contents, with the statement.

    ``ci_proof`` is that of a CI identity, ``log_proof`` that of a log. Neither is verified here. One that
    ``is_stored`` was read from the store, which has neither.
    """

    candidate: VerifiedRelease
    contents: Mapping[str, bytes]
    ci_proof: bytes | None = None
    log_proof: LogProof | None = None
    is_stored: bool = False

    def holds(self, entry: LockEntry) -> bool:
        """Return whether these are the locked contents; they were hashed when the release was verified."""
        return (entry.files, entry.statement) == (self.candidate.files, self.candidate.statement)


def acquire_pinned(workspace: Workspace, pins: list[tuple[IndexSource, Pin]]) -> list[Release]:
    """Fetch and verify releases of indexes, one request each, several at once.

    Raises `Unreachable`, `DigestMismatch`, and what `acquire` raises.
    """
    by_source: dict[IndexSource, list[Pin]] = {}
    for source, pin in pins:
        by_source.setdefault(source, []).append(pin)
    contents = {
        (source, pin): files
        for source, group in by_source.items()
        for pin, files in zip(group, workspace.resource(Indexes).client(source).releases(group), strict=True)
    }
    return [_from_index(source, pin, contents[source, pin]) for source, pin in pins]


def _from_index(source: IndexSource, pin: Pin, contents: Mapping[str, bytes]) -> Release:
    files = {name: data for name, data in contents.items() if name != STATEMENT}
    hint = "tell the index maintainers, or choose another version"
    return release_of(ReleaseFiles("", files, contents[STATEMENT]), source, pin.files, hint=hint)


def acquire(
    workspace: Workspace, sources: list[DirectSource], names: Mapping[Source, PluginName] | None = None
) -> list[Release]:
    """Fetch and verify releases: several repositories at once, one session each, each commit once.

    A verified release is intact and signed; whether its signer is trusted is decided in `change.propose`.
    ``names`` are the plugins that locked sources are for. Raises `SourceError`, `VerificationError`,
    `ManifestError`, `ModuleInvalid`.
    """
    groups = by_place(sources)
    open_registries(workspace, sources)
    done = itertools.count(1)

    def fetch(indexes: list[int]) -> list[Release]:
        releases = _fetch_group(workspace, [sources[index] for index in indexes], names or {})
        workspace.ui.busy(f"fetched {next(done)} of {len(groups)}")
        return releases

    return in_order(groups, run_parallel(fetch, groups, threads=FETCH_THREADS))


def by_place(sources: Iterable[DirectSource]) -> list[list[int]]:
    """Group the positions of sources: one group for each repository, and one for each folder."""
    groups: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        place = f"path {index}" if isinstance(source, PathSource) else str(Origin.of(source).place)
        groups.setdefault(place, []).append(index)
    return list(groups.values())


def open_registries(workspace: Workspace, sources: Iterable[DirectSource]) -> None:
    """Make the resources that the threads of a fetch share, if any of them asks a registry."""
    if any(isinstance(source, OciSource) for source in sources):
        from tarkpm.ops.release.registries import Registries

        workspace.resource(Registries)
        workspace.resource(KnownLogs)


def in_order(groups: Iterable[list[int]], fetched: Iterable[list[T]]) -> list[T]:
    """Return what was fetched in groups in the order of its indexes."""
    by_index = {
        index: found
        for indexes, each in zip(groups, fetched, strict=True)
        for index, found in zip(indexes, each, strict=True)
    }
    return [by_index[index] for index in range(len(by_index))]


def _fetch_group(
    workspace: Workspace, sources: list[DirectSource], names: Mapping[Source, PluginName]
) -> list[Release]:
    first = sources[0]
    if isinstance(first, PathSource):
        return [release_of_folder(workspace, first)]
    if isinstance(first, OciSource):
        from tarkpm.ops.release.fetch_oci import acquire_oci

        return acquire_oci(workspace, [one for one in sources if isinstance(one, OciSource)], names)
    asked = [source for source in sources if isinstance(source, GitSource)]
    with open_remote(workspace, first.git) as remote:
        # 1. A locked commit must belong to its ref before anything of it is read (docs/trust-rules.md,
        #    rule 2). A `rev` names the commit itself.
        for source in asked:
            if source.commit and not source.rev:
                check_reached(remote, source, hint=f"tarkpm update {names.get(source, '')}".rstrip())
        # 2. Resolve tags and branches to commits.
        resolved = [resolve(remote, source) for source in asked]
        # 3. Fetch the likely files of all plugins in a commit at once: a repository may hold many.
        prefetch(remote, resolved)
        return [fetch_git(remote, source) for source in resolved]


def prefetch(remote: "GitRemote", resolved: Sequence[GitSource]) -> None:
    """Fetch the likely files of sources at their commits, in one request for each commit."""
    for commit in dict.fromkeys(source.commit for source in resolved):
        tree = remote.tree(commit)
        folders = [source.path for source in resolved if source.commit == commit]
        tree.prefetch([path for folder in folders for path in likely_files(tree, folder)])


@contextmanager
def open_remote(workspace: Workspace, url: str) -> "Iterator[GitRemote]":
    """Open a session with a repository, with this user's logins. Raises `Unreachable` offline."""
    settings = workspace.settings
    if settings.offline and not url.startswith("file:"):
        raise settings.unreachable(url)
    from tarkpm.ops.project.user_config import mirrored
    from tarkpm.sources.git import Access, GitRemote, parse

    place = mirrored(settings, url)
    place = f"file://{place}" if place.startswith("/") else place
    if rules := team_rules(workspace):
        for one in dict.fromkeys((url, place)):
            rules.check_source(GitSource(one))
    workspace.ui.busy(f"fetching {place}")
    access = Access(settings.environment, allow_http=settings.allow_http)
    parsed = parse(place, allow_http=settings.allow_http)
    # By the mirror's URL: a login for the canonical place is never sent to another.
    with GitRemote(parsed, access=access, login=settings.logins.get(place)) as remote:
        yield remote
        for text in remote.notes:
            workspace.ui.note(text)


def resolve(remote: "GitRemote", source: GitSource) -> GitSource:
    """Return a source at the commit it is locked at, or else at the one its ref is at now.

    A range on tags becomes the newest tag in it. Raises `NotFound`, and `TooLarge` for too many tags.
    """
    if source.commit:
        return source.at(remote.resolve(rev=source.commit))
    if wanted := source.tag_range:
        source = msgspec.structs.replace(source, tag=_newest(remote, source, wanted))
    try:
        return source.at(remote.resolve(tag=source.tag, branch=source.branch, rev=source.rev))
    except NotFound as problem:
        if source.tag and (meant := meant_range(source.tag, remote.tags())):
            problem.message += f"; for the newest tag in a range: --tag {shlex.quote(meant)}"
        raise


def _newest(remote: "GitRemote", source: GitSource, wanted: TagRange) -> str:
    names = remote.tags()
    if found := wanted.newest(names):
        return found.name
    others = version_tags(names)
    near = [tag.name for tag in others if tag.stem == wanted.stem]
    there = some(near or [tag.name for tag in others])
    message = f"no tag names a version in '{source.tag}'" + (f", but there are {there}" if others else "")
    raise NotFound(message, where=source.git, hint=f"tarkpm versions {shlex.quote(source.git)}")


def check_reached(remote: "GitRemote", source: GitSource, *, hint: str) -> None:
    """Raise unless the tag, branch or HEAD that was asked for leads to the locked commit.

    A server gives every commit it has by its id, and on a forge that is every fork's: only the repository's
    own refs say which are its. Raises `CommitUnreached`, `NotFound` for a ref that is gone, `TooLarge`.
    """
    where = f"{source.git} {source.ref}"
    try:
        reached = remote.reaches(source.commit, tag=source.tag, branch=source.branch)
    except TooLarge as problem:
        text = f"the history of {source.ref} is too large to check"
        raise TooLarge(f"{text}: {problem.message}", where=where, hint=hint) from problem
    except NotFound as problem:
        problem.hint = hint
        raise
    if not reached:
        text = f"commit {source.commit} is not in the history of {source.ref}: it may be a fork's"
        raise CommitUnreached(text, where=where, hint=hint)


def fetch_git(remote: "GitRemote", source: GitSource) -> Release:
    """Fetch and verify the release at a source's commit."""
    collected = collect(remote.tree(source.commit), source.path, where=f"{source.git} {source.ref}")
    return release_of(collected, source)


def release_of_folder(workspace: Workspace, source: PathSource) -> Release:
    """Read the release in a working copy."""
    base = workspace.location.folder
    collected = read_folder(base, source)
    return release_of(collected, source, hint=inspect_hint(base, source, collected))


def read_folder(base: Path, source: PathSource) -> ReleaseFiles:
    """Return the release files of a working copy; a relative path starts at ``base``."""
    from tarkpm.sources.path import LocalTree

    folder = base / expanded(source.path)
    return collect(LocalTree(folder), "", where=str(folder), signed=False)


def inspect_hint(base: Path, source: PathSource, collected: ReleaseFiles) -> str:
    """Return the command that shows the module of a working copy."""
    if collected.manifest is None:
        return ""
    module = base / expanded(source.path) / collected.folder / collected.manifest.wasm
    return f"tarkpm inspect {shlex.quote(str(module))}"


def release_of(
    collected: ReleaseFiles,
    source: Source,
    hashed: Iterable[FileEntry] = (),
    *,
    hint: str = "",
    where: str = "",
) -> Release:
    """Verify what was collected at a source; ``hashed`` are files whose digests the caller checked.

    ``hint`` helps with a module that does not fit its type. ``where`` is where it was, if not at the source.
    """
    where = where or str(source)
    files, manifest = collected.files, collected.manifest
    candidate = verify_release(
        files, collected.statement, source, where=where, hashed=hashed, manifest=manifest
    )
    module = candidate.manifest.wasm
    check_module(files[module], candidate.manifest.type, where=f"{where}: {module}", hint=hint)
    contents = dict(files)
    if candidate.statement and collected.statement:
        contents[STATEMENT] = collected.statement
    return Release(candidate, contents, collected.ci_proof, collected.log_proof)


def stored_files(entry: LockEntry) -> tuple[FileEntry, ...]:
    """Return all files that are installed of a locked release, with its statement."""
    if entry.statement is None:
        return entry.files
    return (*entry.files, FileEntry(STATEMENT, entry.statement.sha256, entry.statement.size))
