"""From a source to a verified release: fetch, check the signature and every byte, keep the blobs."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from tarkpm.core.candidate import Candidate, verify_release
from tarkpm.core.digest import FileEntry
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import STATEMENT
from tarkpm.core.release import GitSource, PathSource, Source
from tarkpm.errors import ModuleInvalid, Unreachable
from tarkpm.host.module import check_fits, inspect
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.context import Workspace
from tarkpm.sources.folder import ReleaseFiles, collect

FETCH_THREADS = 8


class Release(msgspec.Struct, frozen=True):
    """A verified candidate and its bytes, the statement among them."""

    candidate: Candidate
    contents: Mapping[str, bytes]


def acquire(workspace: Workspace, sources: list[Source]) -> list[Release]:
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


def _fetch_group(workspace: Workspace, sources: list[Source]) -> list[Release]:
    first = sources[0]
    if isinstance(first, PathSource):
        return [_verified(read_folder(workspace.place.folder, first), first)]
    if workspace.settings.offline and not first.git.startswith("file:"):
        raise Unreachable("--offline allows no network", where=first.git)
    from tarkpm.sources.git import GitRemote, parse

    workspace.ui.busy(f"fetching {first.git}")
    allow_http = workspace.settings.allow_http
    with GitRemote(parse(first.git, allow_http=allow_http), allow_http=allow_http) as remote:
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
    _check_module(collected.files, candidate.manifest, where)
    contents = dict(collected.files)
    if candidate.statement and collected.statement:
        contents[STATEMENT] = collected.statement
    return Release(candidate, contents)


def _check_module(files: Mapping[str, bytes], manifest: Manifest, where: str) -> None:
    """Raise `ModuleInvalid` for what is no module, or a core module that is no plugin of the older ABI."""
    at = f"{where}: {manifest.wasm}"
    try:
        surface = inspect(files[manifest.wasm], where=at)
    except ModuleInvalid as problem:
        problem.hint = problem.hint or "build the plugin again"
        raise
    misfit = check_fits(surface, manifest.type) if surface.kind == "core" else None
    if misfit:
        raise ModuleInvalid(misfit, where=at, hint="tarkpm inspect plugin.wasm")


def stored_files(entry: LockEntry) -> tuple[FileEntry, ...]:
    """All files that are installed of a locked release, its statement among them."""
    if entry.statement is None:
        return entry.files
    return (*entry.files, FileEntry(STATEMENT, entry.statement.sha256, entry.statement.size))
