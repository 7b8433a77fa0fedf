"""``tarkpm outdated``: newer versions, and what an update would select."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import GitSource, IndexSource, PluginName
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.version import Version
from tarkpm.core.withdrawn import is_revoked
from tarkpm.errors import NotFound, ResolutionError, TarkError
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.fetch import FETCH_THREADS, commit_of, open_remote
from tarkpm.sources.folder import manifest_in

if TYPE_CHECKING:
    from tarkpm.sources.git import GitRemote

REVOKED: Final = "revoked"


class OutdatedRow(msgspec.Struct, frozen=True):
    """A locked plugin that is outdated or withdrawn.

    ``update`` is the version ``tarkpm update`` would install, "" if none; ``newest`` is the newest version.
    A git source has one version, at ``commit``. ``warning`` says that the locked release was yanked or
    revoked.
    """

    name: str
    locked: str
    update: str
    newest: str
    source: str
    commit: str = ""
    warning: str = ""


class OutdatedReport(msgspec.Struct, frozen=True):
    """The outdated plugins, the number of plugins checked (without working copies), and notes.

    ``failed`` gives, by plugin, the reason why its repository could not be asked.
    """

    plugins: tuple[OutdatedRow, ...]
    checked: int = 0
    notes: tuple[str, ...] = ()
    failed: dict[str, str] = {}


def outdated(settings: Settings, ui: Ui) -> OutdatedReport:
    """Ask every source what it holds now; updates only what state knows of indexes.

    A repository that cannot be asked does not hide the others. Raises `SourceError` and
    `VerificationError` if no repository, or an index, cannot be asked, and `ProjectNotAccepted`.
    """
    with open_for_reading(settings, ui) as workspace:
        require_accepted(workspace)
        entries = workspace.lock.entries
        indexed, notes = _from_indexes(workspace, entries)
        moved, failed = _from_git(workspace, entries)
        rows = sorted([*moved, *indexed], key=lambda row: row.name)
        checked = sum(not entry.is_working_copy for entry in entries)
        # If nothing could be asked, the report would look as if everything were up to date.
        if failed and len(failed) == checked:
            raise next(iter(failed.values()))
        why = {name: problem.message for name, problem in sorted(failed.items())}
        return OutdatedReport(tuple(rows), checked - len(failed), tuple(notes), why)


def _from_git(
    workspace: Workspace, entries: Iterable[LockEntry]
) -> tuple[list[OutdatedRow], dict[str, TarkError]]:
    groups: dict[str, list[tuple[LockEntry, GitSource]]] = {}
    for entry in entries:
        if isinstance(entry.source, GitSource) and not entry.source.rev:  # a commit does not move
            groups.setdefault(entry.source.git, []).append((entry, entry.source))
    found = run_parallel(lambda group: _look(workspace, group), groups.values(), threads=FETCH_THREADS)
    failed = {name: problem for _, problems in found for name, problem in problems.items()}
    return [row for rows, _ in found for row in rows], failed


def _look(
    workspace: Workspace, group: list[tuple[LockEntry, GitSource]]
) -> tuple[list[OutdatedRow], dict[str, TarkError]]:
    """Return the rows of one repository's plugins that moved; reads only their plugin.toml."""
    rows: list[OutdatedRow] = []
    failed: dict[str, TarkError] = {}
    try:
        with open_remote(workspace, group[0][1].git) as remote:
            for entry, source in group:
                try:
                    rows += _moved(remote, entry, source)
                except TarkError as problem:
                    failed[entry.name] = problem
    except TarkError as problem:
        failed |= {entry.name: problem for entry, _ in group}
    return rows, failed


def _moved(remote: "GitRemote", entry: LockEntry, source: GitSource) -> list[OutdatedRow]:
    """Return the row of a plugin whose source moved to another commit; none if it did not."""
    commit = commit_of(remote, source.unpinned())
    if commit == source.commit:
        return []
    where = f"{source.git} {source.ref}"
    version = manifest_in(remote.tree(commit), source.path, where=where).version
    is_lower = version.key < entry.version.key  # an update refuses it (docs/trust-rules.md, rule 7)
    warning = "lower: needs --allow-downgrade" if is_lower else ""
    update = "" if is_lower else str(version)
    place = str(source.unpinned())
    return [OutdatedRow(entry.name, str(entry.version), update, str(version), place, commit, warning)]


def _from_indexes(workspace: Workspace, entries: Iterable[LockEntry]) -> tuple[list[OutdatedRow], list[str]]:
    by_source: dict[IndexSource, list[LockEntry]] = {}
    for entry in entries:
        if isinstance(entry.source, IndexSource):
            by_source.setdefault(entry.source, []).append(entry)
    if not by_source:
        return [], []
    found = [
        (source, entry, listings[entry.name])
        for source, group in by_source.items()
        for listings in [workspace.resource(Indexes).listings(source, [entry.name for entry in group])]
        for entry in group
    ]
    chosen, notes = _foreseen(workspace)
    made = (_row(workspace, source, entry, listing, chosen) for source, entry, listing in found)
    rows = [row for row in made if row]
    return rows, notes + [_way_back(workspace, row) for row in rows if row.warning == REVOKED and row.newest]


def _way_back(workspace: Workspace, row: OutdatedRow) -> str:
    """Return a note with the command that replaces a revoked release."""
    requirement, way = workspace.project.requirements.get(PluginName(row.name)), f"update {row.name}"
    if not row.update:
        source = requirement.source if requirement else None
        if isinstance(source, IndexSource):
            way = f"add {source.index}:{row.name}@^{row.newest}"
        way += " --allow-downgrade"
    return f"'{row.name}' {row.locked} was revoked, {row.update or row.newest} was not: tarkpm {way}"


def _foreseen(workspace: Workspace) -> tuple[Mapping[PluginName, Version], list[str]]:
    """Return what an update would select, and its notes; nothing if it would fail."""
    from tarkpm.ops.change.select_indexed import preview_update

    try:
        solution = preview_update(workspace)
    except (ResolutionError, NotFound) as problem:
        return {}, [f"an update would fail: {problem.message}"]
    return {name: offer.version for name, offer in solution.chosen.items()}, list(solution.notes)


def _row(
    workspace: Workspace,
    source: IndexSource,
    entry: LockEntry,
    listing: Listing | None,
    chosen: Mapping[PluginName, Version],
) -> OutdatedRow | None:
    """Return the row of a plugin that is outdated or withdrawn, else None."""
    newest = _newest(
        row.version
        for row in (listing.rows if listing else ())
        if not row.yanked
        if not workspace.vouched.is_revoked(source, entry.name, row.version, row.statement.sha256)
        if not row.version.pre or entry.version.pre
    )
    update = chosen.get(entry.name, entry.version)
    moves = update > entry.version  # going back takes --allow-downgrade
    warning = _warning(workspace, entry, listing)
    if not moves and not warning and (newest is None or newest <= entry.version):
        return None
    return OutdatedRow(
        entry.name,
        str(entry.version),
        str(update) if moves else "",
        str(newest or ""),
        str(source),
        warning=warning,
    )


def _newest(versions: Iterable[Version]) -> Version | None:
    return max(versions, default=None)


def _warning(workspace: Workspace, entry: LockEntry, listing: Listing | None) -> str:
    row: ReleaseRow | None = listing.get(entry.version) if listing else None
    if is_revoked(entry, workspace.vouched):
        return REVOKED
    if row is None:
        return "no longer listed"
    return f"yanked: {row.yanked}" if row.yanked else ""
