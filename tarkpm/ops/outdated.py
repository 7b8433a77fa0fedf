"""``tarkpm outdated``: what an update would move, and what is newer than what is asked for."""

from collections.abc import Iterable

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import GitSource, IndexSource
from tarkpm.core.rows import Listing, Row
from tarkpm.core.version import Range, Version
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.acquire import FETCH_THREADS, commit_of, open_remote
from tarkpm.ops.context import Workspace, open_for_reading
from tarkpm.ops.settings import Settings
from tarkpm.ops.ui import Ui
from tarkpm.sources.folder import manifest_in


class OutdatedRow(msgspec.Struct, frozen=True):
    """A locked plugin for which there is something newer.

    ``update`` is the version ``tarkpm update`` would take, "" if none; ``newest`` the newest there is. Git
    sources hold one version, and ``commit`` is where it is now. ``warning`` says that the locked release was
    yanked or revoked.
    """

    name: str
    locked: str
    update: str
    newest: str
    source: str
    commit: str = ""
    warning: str = ""


class OutdatedReport(msgspec.Struct, frozen=True):
    """Everything that is outdated, and how many plugins were looked at. Working copies are not."""

    plugins: tuple[OutdatedRow, ...]
    checked: int = 0


def outdated(settings: Settings, ui: Ui) -> OutdatedReport:
    """Ask every source what it holds now; changes nothing but what state knows of indexes.

    Raises `SourceError`, `VerificationError`, `ProjectNotAccepted`.
    """
    with open_for_reading(settings, ui) as workspace:
        workspace.require_accepted()
        entries = workspace.lock.entries
        rows = [*_from_git(workspace, entries), *_from_indexes(workspace, entries)]
        checked = sum(not entry.is_working_copy for entry in entries)
        return OutdatedReport(tuple(sorted(rows, key=lambda row: row.name)), checked)


def _from_git(workspace: Workspace, entries: Iterable[LockEntry]) -> list[OutdatedRow]:
    groups: dict[str, list[tuple[LockEntry, GitSource]]] = {}
    for entry in entries:
        if isinstance(entry.source, GitSource) and not entry.source.rev:  # a commit does not move
            groups.setdefault(entry.source.git, []).append((entry, entry.source))
    found = run_parallel(lambda group: _look(workspace, group), groups.values(), threads=FETCH_THREADS)
    return [row for rows in found for row in rows]


def _look(workspace: Workspace, group: list[tuple[LockEntry, GitSource]]) -> list[OutdatedRow]:
    """What one repository holds now of plugins that moved: their plugin.toml is all that is read."""
    rows = []
    with open_remote(workspace, group[0][1].git) as remote:
        for entry, source in group:
            commit = commit_of(remote, source.asked())
            if commit != source.commit:
                where = f"{source.git} {source.ref}"
                version = str(manifest_in(remote.tree(commit), source.path, where=where).version)
                rows.append(
                    OutdatedRow(entry.name, str(entry.version), version, version, str(source.asked()), commit)
                )
    return rows


def _from_indexes(workspace: Workspace, entries: Iterable[LockEntry]) -> list[OutdatedRow]:
    by_source: dict[IndexSource, list[LockEntry]] = {}
    for entry in entries:
        if isinstance(entry.source, IndexSource):
            by_source.setdefault(entry.source, []).append(entry)
    rows = []
    for source, group in by_source.items():
        listings = workspace.indexes.listings(source, [entry.name for entry in group])
        found = (_row(workspace, source, entry, listings[entry.name]) for entry in group)
        rows += [row for row in found if row]
    return rows


def _row(
    workspace: Workspace, source: IndexSource, entry: LockEntry, listing: Listing | None
) -> OutdatedRow | None:
    """The row of a plugin that is not up to date; None for one that is."""
    offered = [
        row
        for row in (listing.rows if listing else ())
        if not row.yanked and not workspace.vouched.is_revoked(source, row.statement.sha256)
    ]
    ranges = _ranges(workspace, entry)
    tark = workspace.project.tark_version
    fitting = [row for row in offered if not (tark and row.min_tark_version and tark < row.min_tark_version)]
    update = _newest(row.version for row in fitting if all(wanted.matches(row.version) for wanted in ranges))
    newest = _newest(row.version for row in offered if not row.version.pre or entry.version.pre)
    warning = _warning(workspace, source, entry, listing)
    moves = update is not None and update != entry.version
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


def _ranges(workspace: Workspace, entry: LockEntry) -> list[Range]:
    """What the project and the plugins that need this one ask for."""
    requirement = workspace.project.requirements.get(entry.name)
    texts = [requirement.range] if requirement else []
    texts += [
        need.range for other in workspace.lock.entries for need in other.requires if need.name == entry.name
    ]
    return [Range.parse(text) for text in texts if text]


def _newest(versions: Iterable[Version]) -> Version | None:
    return max(versions, default=None)


def _warning(workspace: Workspace, source: IndexSource, entry: LockEntry, listing: Listing | None) -> str:
    row: Row | None = listing.get(entry.version) if listing else None
    if entry.statement and workspace.vouched.is_revoked(source, entry.statement.sha256):
        return "revoked"
    if row is None:
        return "no longer listed"
    return f"yanked: {row.yanked}" if row.yanked else ""
