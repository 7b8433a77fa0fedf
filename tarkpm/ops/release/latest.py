"""What git, registries and folders hold now, seen from the lock: the locked release where nothing changed.

A commit of a ref says little about one plugin: another folder of the repository may have changed. So the
release at the ref's commit is compared with the locked one, and counts as it if both are the same bytes at
commits of this ref (docs/decisions/0116).
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tarkpm.core.binding import revision
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.names import STATEMENT
from tarkpm.core.release import DirectSource, GitSource, OciSource, PathSource, Source
from tarkpm.errors import ManifestError, NotFound, Refused, TarkError, TooLarge, Unreachable
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import (
    FETCH_THREADS,
    Release,
    by_place,
    fetch_git,
    in_order,
    open_registries,
    open_remote,
    prefetch,
    release_of,
    release_of_folder,
    resolve,
    stored_files,
)
from tarkpm.sources.folder import ReleaseFiles, collect
from tarkpm.store.origins import Origins

if TYPE_CHECKING:
    from tarkpm.sources.git import GitRemote

Found = Release | TarkError


def acquire_each(
    workspace: Workspace, sources: Sequence[DirectSource], locked: Mapping[Source, LockEntry]
) -> list[Found]:
    """Return the verified release that each source holds now, or the error why it has none, in order.

    ``locked`` are the locked entries by the source that was asked for. A release that is the locked one is
    returned at the locked commit, and is read from the store if its commit did not change.
    """
    groups = by_place(sources)
    open_registries(workspace, sources)
    done = itertools.count(1)

    def look(indexes: list[int]) -> list[Found]:
        found = _look(workspace, [sources[index] for index in indexes], locked)
        workspace.ui.busy(f"fetched {next(done)} of {len(groups)}")
        return found

    return in_order(groups, run_parallel(look, groups, threads=FETCH_THREADS))


def _look(
    workspace: Workspace, sources: Sequence[DirectSource], locked: Mapping[Source, LockEntry]
) -> list[Found]:
    """Look at the sources of one place: a folder, or one repository in one session."""
    try:
        if isinstance(sources[0], OciSource):
            return [
                _look_in_registry(workspace, source, locked.get(source))
                for source in sources
                if isinstance(source, OciSource)
            ]
        asked = [source for source in sources if isinstance(source, GitSource)]
        if not asked:
            return [
                _read(workspace, source, locked.get(source))
                for source in sources
                if isinstance(source, PathSource)
            ]
        named = [_stored(workspace, locked.get(source), source.rev) for source in asked]
        if all(named):  # a commit that is asked for by its id does not move
            return [release for release in named if release]
        with open_remote(workspace, asked[0].git) as remote:
            return _look_at(workspace, remote, asked, locked)
    except TarkError as problem:
        return [problem] * len(sources)


def _look_in_registry(workspace: Workspace, source: OciSource, entry: LockEntry | None) -> Found:
    from tarkpm.ops.release.fetch_oci import find, release_at, take_repeated

    try:
        # A digest that is asked for as such does not move.
        if source.digest and (kept := _stored(workspace, entry, source.digest)):
            return kept
        found = find(workspace, source)
        kept = _stored(workspace, entry, found.source.digest)
        return take_repeated(workspace, found, kept) if kept else release_at(workspace, found)
    except Unreachable:
        raise
    except NotFound as problem:
        return _gone(problem, entry, "its repository or tag")
    except TarkError as problem:
        return problem


def _read(workspace: Workspace, source: PathSource, entry: LockEntry | None) -> Found:
    try:
        return release_of_folder(workspace, source)
    except NotFound as problem:
        return _gone(problem, entry)


def _gone(problem: NotFound, entry: LockEntry | None, what: str = "its folder") -> NotFound:
    """Return the error for a place that has no release; that of a plugin of the project had one."""
    if entry:
        problem.hint = (
            f"{what} may have been moved or deleted; to drop the plugin: tarkpm remove {entry.name}"
        )
    return problem


def _look_at(
    workspace: Workspace,
    remote: "GitRemote",
    asked: Sequence[GitSource],
    locked: Mapping[Source, LockEntry],
) -> list[Found]:
    resolved = [_resolved(remote, source) for source in asked]
    here = {
        source: release
        for wanted, source in zip(asked, resolved, strict=True)
        if isinstance(source, GitSource)
        if (release := _stored(workspace, locked.get(wanted), source.commit))
    }
    missing = [source for source in resolved if isinstance(source, GitSource) and source not in here]
    try:
        prefetch(remote, missing)
    except Unreachable:
        raise
    except TarkError as problem:
        if len(resolved) == 1:
            return [problem]  # asking again would only let a hostile server send as much once more
        # One of them is refused: below, each is looked at by itself, within what is left of the limits.
    found: list[Found] = []
    for wanted, source in zip(asked, resolved, strict=True):
        if isinstance(source, TarkError):
            found.append(source)
        elif release := here.get(source):
            found.append(release)
        else:
            found.append(_fetched(workspace, remote, source, locked.get(wanted)))
    return found


def _resolved(remote: "GitRemote", source: GitSource) -> GitSource | TarkError:
    try:
        return resolve(remote, source)
    except Unreachable:
        raise
    except TarkError as problem:
        return problem


def _fetched(workspace: Workspace, remote: "GitRemote", source: GitSource, entry: LockEntry | None) -> Found:
    try:
        release = fetch_git(remote, source)
        if entry and _is_locked(workspace, remote, entry, release):
            # The commit alone moved: recording it would change the lock, and install the same bytes again.
            candidate = replace(release.candidate, source=entry.source, tools=entry.tools)
            return replace(release, candidate=candidate)
    except Unreachable:
        raise
    except NotFound as problem:
        return _gone(problem, entry)
    except TarkError as problem:
        return problem
    return release


def _is_locked(workspace: Workspace, remote: "GitRemote", entry: LockEntry, release: Release) -> bool:
    """Return whether a release is the locked one at another commit, and the lock may keep its commit.

    The ref must still lead to the locked commit, or no other machine could fetch it (docs/decisions/0084),
    and that commit must hold these files: the lock alone proves nothing (docs/trust-rules.md, rule 2).
    """
    locked = entry.source
    found = release.candidate.entry()
    # Equal bytes define equal tools, so the pins are not asked for again.
    if not isinstance(locked, GitSource):
        return False
    if not entry.same_as(replace(found, source=locked, tools=entry.tools)):
        return False
    try:
        if not remote.reaches(locked.commit, tag=locked.tag, branch=locked.branch):
            return False
        # A proof may have been added since; only a commit that has it is of use to another machine.
        if release.ci_proof is None and Origins(workspace.settings.paths.cache).saw(entry):
            return True
        before = collect(remote.tree(locked.commit), locked.path, where=str(locked))
    except (NotFound, TooLarge, Refused, ManifestError):
        return False  # it is gone, or cannot be known: the commit that was fetched is recorded
    return _contents(before) == release.contents and release.ci_proof in (None, before.ci_proof)


def _contents(collected: ReleaseFiles) -> Mapping[str, bytes]:
    statement = {STATEMENT: collected.statement} if collected.statement else {}
    return {**collected.files, **statement}


def _stored(workspace: Workspace, entry: LockEntry | None, at: str) -> Release | None:
    """Return the locked release, verified again from the store, if it is locked at a commit or manifest.

    None if the store lacks it, or does not know that its files are those of that place.
    """
    if entry is None or not at or revision(entry.source) != at:
        return None
    return stored_release(workspace, entry) if Origins(workspace.settings.paths.cache).saw(entry) else None


def stored_release(workspace: Workspace, entry: LockEntry) -> Release | None:
    """Return a locked release, verified again, from the store; None if the store lacks it."""
    files = stored_files(entry)
    if workspace.store.missing(files):
        return None
    try:
        contents = {file.name: workspace.store.read(file) for file in files}
        statement = contents.pop(STATEMENT, None)
        release = release_of(ReleaseFiles("", contents, statement), entry.source)
    except TarkError:
        return None  # the store is damaged, or the lock was edited: the source decides
    candidate = replace(release.candidate, tools=entry.tools)
    same = entry.same_as(candidate.entry())
    return replace(release, candidate=candidate, is_stored=True) if same else None
