"""``tarkpm cache``: size of the cache, and deletion of what no project needs.

An item is needed if a project that state knows, and whose folder exists, locks it, or locked it in a
generation that is kept. Plugins' data, accepted decisions and generations stay, also of projects that no
longer exist. Of state, `prune` deletes the recorded calls of plugins that are not installed any more.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.lockfile import Lock, LockEntry, parse
from tarkpm.core.names import LOCK, MAX_LOCK, MAX_PROJECT, PROJECT
from tarkpm.core.owner import current_owner
from tarkpm.core.project import Project
from tarkpm.core.release import IndexSource
from tarkpm.core.text import counted
from tarkpm.errors import TarkError
from tarkpm.host.compile.entry import parts_of
from tarkpm.io.files import read_optional, remove_tree
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.release.fetch import stored_files
from tarkpm.store.call_ring import CALLS
from tarkpm.store.consents import Consents
from tarkpm.store.history import History
from tarkpm.store.origins import Origins
from tarkpm.store.state import Record, State
from tarkpm.store.sweep import KINDS, Needed, StoredItem, alone, is_needed, items, take_away


class Amount(msgspec.Struct, frozen=True):
    """Count and bytes of one kind of `sweep.KINDS`."""

    kind: str
    count: int
    bytes: int


class CacheReport(msgspec.Struct, frozen=True):
    """The contents of the cache or, of prune and clean, what was deleted; ``left`` bytes remain."""

    directory: str
    kinds: tuple[Amount, ...]
    count: int
    bytes: int
    left: int = 0
    notes: tuple[str, ...] = ()


def cache_size(settings: Settings) -> CacheReport:
    """Return the size of the cache."""
    found = items(settings.paths.cache)
    return _report(settings, found, left=sum(item.size for item in found))


def prune(settings: Settings, ui: Ui) -> CacheReport:
    """Delete what no known project locks. Waits for running installations; raises `StoreBusy`."""
    with alone(settings.paths.cache, settings.lock_seconds):
        needed, notes = _needed(settings)
        now = time.time()
        found = items(settings.paths.cache)
        # Parts of compiled modules are shared: each is kept as long as one of its modules.
        modules = [item.path for item in found if item.kind == "compiled" and is_needed(item, needed, now)]
        parts = {Digest(part) for path in modules for part in parts_of(path)}
        needed = msgspec.structs.replace(needed, blobs={*needed.blobs, *parts})
        unused = [item for item in found if not is_needed(item, needed, now)]
        _take_away(settings, ui, unused)
        notes += _prune_calls(settings)
        left = sum(item.size for item in found) - sum(item.size for item in unused)
        return _report(settings, unused, left=left, notes=tuple(notes))


def _prune_calls(settings: Settings) -> list[str]:
    """Delete the recorded calls of plugins that no existing project has installed; returns notes."""
    state = State(settings.paths.state)
    unread: list[str] = []
    records = list(known_projects(state, unread))
    if unread:  # its plugins are not known
        return []
    used = {
        Path(record.environment) / owner.folder
        for record in records
        for name in record.installed
        for owner in (current_owner(record.owners, name),)
    }
    base = state.root / CALLS
    unused = [path for path in sorted(base.glob("*/*")) if path.relative_to(base) not in used]
    for path in () if settings.dry_run else unused:
        remove_tree(path)
    would = "would be deleted" if settings.dry_run else "were deleted"
    which = counted(len(unused), "plugin")
    return [f"the recorded calls of {which} that no project has installed {would}"] if unused else []


def clean(settings: Settings, ui: Ui) -> CacheReport:
    """Delete the whole cache; it is fetched again when needed. Raises `StoreBusy`."""
    with alone(settings.paths.cache, settings.lock_seconds):
        found = items(settings.paths.cache)
        _take_away(settings, ui, found)
        state = State(settings.paths.state)
        has_history = any(History(state.root, one.environment).numbers() for one in known_projects(state, []))
        note = "a rollback now fetches from the sources what it installs"
        return _report(settings, found, notes=(note,) if found and has_history else ())


def _take_away(settings: Settings, ui: Ui, unwanted: list[StoredItem]) -> None:
    if settings.dry_run:
        return
    ui.busy("deleting what is not needed")
    for item in unwanted:
        take_away(item, settings.lock_seconds)


def _report(
    settings: Settings, found: list[StoredItem], *, left: int = 0, notes: tuple[str, ...] = ()
) -> CacheReport:
    by_kind = {kind: [item for item in found if item.kind == kind] for kind in KINDS}
    return CacheReport(
        str(settings.paths.cache),
        tuple(Amount(kind, len(some), sum(item.size for item in some)) for kind, some in by_kind.items()),
        len(found),
        sum(item.size for item in found),
        left,
        notes,
    )


def _needed(settings: Settings) -> tuple[Needed, list[str]]:
    """Return what this user's projects lock, and notes about those that cannot be read."""
    state, origins = State(settings.paths.state), Origins(settings.paths.cache)
    blobs: set[Digest] = {consent.module for consent in Consents(settings.paths.state).all()}
    git: set[Path] = set()
    indexes: set[str] = set()
    notes: list[str] = []
    former: set[LockEntry] = set()
    for record in known_projects(state, notes):
        # Installed files count even if the lock cannot be read (decision 0047).
        blobs |= {file.sha256 for one in record.installed.values() for file in one.files}
        entries = _lock_of(record, notes).entries
        blobs |= _blobs(entries)
        former |= {*_former_entries(History(state.root, record.environment), notes), *entries}
        indexes |= set(_indexes_of(record, notes))
    git |= {path for entry in former if (path := origins.path(entry))}
    sources = (entry.source for entry in former)
    indexes |= {one.root.removeprefix("sha256:") for one in sources if isinstance(one, IndexSource)}
    return Needed(blobs, git, indexes, _blobs(former)), notes


def _blobs(entries: Iterable[LockEntry]) -> set[Digest]:
    """Return the digests of the files of locked releases, and of the definitions of their tools."""
    entries = list(entries)
    files = {file.sha256 for entry in entries for file in stored_files(entry)}
    return files | {tool.sha256 for entry in entries for tool in entry.tools or ()}


def _former_entries(history: History, notes: list[str]) -> Iterator[LockEntry]:
    """Yield what the kept generations of a project lock; appends a note for each that cannot be read."""
    for number in history.numbers():
        where = f"generation {number}"
        try:
            generation = history.read(number)
            if generation and generation.lock:
                yield from parse(generation.lock.encode(), where=where).entries
        except (TarkError, OSError):
            notes.append(f"{where} cannot be read, so nothing counts as needed for it: {history.folder}")


def known_projects(state: State, notes: list[str]) -> Iterator[Record]:
    """Yield the records of existing projects; appends a note for each record that cannot be read."""
    for file in state.record_files():
        try:
            record = state.read_record(file)
        except (TarkError, OSError):
            notes.append(f"a project record cannot be read, see tarkpm doctor: {file}")
            continue
        if record is not None and Path(record.path).is_dir():
            yield record


def _lock_of(record: Record, notes: list[str]) -> Lock:
    file = Path(record.path) / LOCK
    try:
        data = read_optional(file, MAX_LOCK)
        return parse(data, where=str(file)) if data is not None else Lock()
    except (TarkError, OSError):
        notes.append(f"the lock cannot be read, so only installed files count as needed: {file}")
        return Lock()


def _indexes_of(record: Record, notes: list[str]) -> Iterator[str]:
    file = Path(record.path) / PROJECT
    try:
        data = read_optional(file.resolve(), MAX_PROJECT)
        project = Project.parse(data, where=str(file)) if data is not None else Project()
    except (TarkError, OSError):
        notes.append(f"tark.toml cannot be read, so only its locked indexes count as needed: {file}")
        return
    for index in project.indexes.values():
        yield index.root.removeprefix("sha256:")
