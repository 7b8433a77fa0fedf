"""From a source to a verified release: fetch, check the signature and every byte."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from tarkpm.core.candidate import Candidate, verify_release
from tarkpm.core.digest import FileEntry
from tarkpm.core.lockfile import LockEntry, StatementEntry
from tarkpm.core.names import STATEMENT
from tarkpm.core.release import GitSource, IndexSource, PathSource, PluginName, Source
from tarkpm.errors import ModuleInvalid, Unreachable
from tarkpm.host.module import inspect
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.context import Workspace
from tarkpm.sources.folder import ReleaseFiles, collect

FETCH_THREADS = 8


class Release(msgspec.Struct, frozen=True):
    """A verified candidate and its bytes, the statement among them."""

    candidate: Candidate
    contents: Mapping[str, bytes]


class Pin(msgspec.Struct, frozen=True):
    """One release of an index: what its lock entry or its row says must come."""

    name: PluginName
    source: IndexSource
    statement: StatementEntry
    files: tuple[FileEntry, ...]

    @classmethod
    def of(cls, entry: LockEntry, source: IndexSource) -> "Pin":
        """What a lock entry says; it has a statement, as all of an index's have."""
        assert entry.statement is not None
        return cls(entry.name, source, entry.statement, entry.files)


def acquire_pinned(workspace: Workspace, pins: list[Pin]) -> list[Release]:
    """Fetch and verify releases of indexes, one request each, several at once.

    Raises `Unreachable`, `DigestMismatch`, and what `acquire` raises.
    """
    by_source: dict[IndexSource, list[int]] = {}
    for index, pin in enumerate(pins):
        by_source.setdefault(pin.source, []).append(index)
    found: dict[int, Release] = {}
    for source, indexes in by_source.items():
        client = workspace.indexes.client(source)
        contents = client.releases(
            [(pins[index].name, pins[index].statement, pins[index].files) for index in indexes]
        )
        for index, files in zip(indexes, contents, strict=True):
            statement = files.pop(STATEMENT)
            found[index] = _verified(ReleaseFiles("", files, statement), source)
    return [found[index] for index in range(len(pins))]


def acquire(workspace: Workspace, sources: list[GitSource | PathSource]) -> list[Release]:
    """Fetch and verify releases, several repositories at once, one session each.

    Nothing is trusted yet. Raises `SourceError`, `VerificationError`, `ManifestError`, `ModuleInvalid`.
    """
    groups: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        groups.setdefault(source.git if isinstance(source, GitSource) else f"path {index}", []).append(index)
    fetched = run_parallel(
        lambda indexes: _fetch_group(workspace, [sources[index] for index in indexes]),
        groups.values(),
        threads=FETCH_THREADS,
    )
    by_index = {
        index: release
        for indexes, releases in zip(groups.values(), fetched, strict=True)
        for index, release in zip(indexes, releases, strict=True)
    }
    return [by_index[index] for index in range(len(sources))]


def _fetch_group(workspace: Workspace, sources: list[GitSource | PathSource]) -> list[Release]:
    first = sources[0]
    if isinstance(first, PathSource):
        return [_verified(read_folder(workspace.place.folder, first), first)]
    if workspace.settings.offline and not first.git.startswith("file:"):
        raise Unreachable("--offline allows no network", where=first.git)
    from tarkpm.sources.git import Access, GitRemote, parse

    workspace.ui.busy(f"fetching {first.git}")
    settings = workspace.settings
    access = Access(settings.environment, allow_http=settings.allow_http)
    url = parse(first.git, allow_http=settings.allow_http)
    with GitRemote(url, access=access, login=settings.logins.get(first.git)) as remote:
        releases = [_fetch_git(remote, source) for source in sources if isinstance(source, GitSource)]
        for text in remote.notes:
            workspace.ui.note(text)
    return releases


def _fetch_git(remote: "GitRemote", source: GitSource) -> Release:  # type: ignore[name-defined]  # noqa: F821
    if source.commit:
        commit = remote.resolve(rev=source.commit)
    else:
        commit = remote.resolve(tag=source.tag, branch=source.branch, rev=source.rev)
    where = f"{source.git} {source.ref}"
    collected = collect(remote.tree(commit), source.path, where=where)
    return _verified(collected, source.at(commit))


def read_folder(base: Path, source: PathSource) -> ReleaseFiles:
    """The release files of a working copy; a relative path is relative to ``base``."""
    from tarkpm.sources.path import LocalTree

    folder = base / Path(source.path).expanduser()
    return collect(LocalTree(folder), "", where=str(folder), signed=False)


def _verified(collected: ReleaseFiles, source: Source) -> Release:
    where = str(source)
    candidate = verify_release(collected.files, collected.statement, source, where=where)
    wasm = candidate.manifest.wasm
    try:
        inspect(collected.files[wasm], where=f"{where}: {wasm}")
    except ModuleInvalid as problem:
        problem.hint = problem.hint or "build the plugin again"
        raise
    contents = dict(collected.files)
    if candidate.statement and collected.statement:
        contents[STATEMENT] = collected.statement
    return Release(candidate, contents)


def stored_files(entry: LockEntry) -> tuple[FileEntry, ...]:
    """All files that are installed of a locked release, its statement among them."""
    if entry.statement is None:
        return entry.files
    return (*entry.files, FileEntry(STATEMENT, entry.statement.sha256, entry.statement.size))
