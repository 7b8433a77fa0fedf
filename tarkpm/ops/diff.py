"""``tarkpm diff``: what differs between two states of a project, and what goes beyond the earlier one."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.difference import Difference, Documents, difference
from tarkpm.core.lockfile import parse
from tarkpm.core.names import MAX_LOCK, PROJECT
from tarkpm.errors import NotFound
from tarkpm.io.files import read_optional
from tarkpm.ops.project.location import Location, checked_place
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.release.facts import stored_manifest
from tarkpm.store.blobs import BlobStore

WORKING_TREE: Final = ""
"""The state that is named by nothing: the project's files as they are."""
_FILE: Final = re.compile(r"(/|\.\.?/).*|.*\.lock")
"""No revision is written so (git-check-ref-format(1)): a file cannot stand in for a branch of its name."""


class DiffReport(Difference, frozen=True, kw_only=True):
    """A difference, the two states as they were named, and notes about what could not be compared."""

    before: str
    after: str
    notes: tuple[str, ...] = ()


def diff(settings: Settings, ui: Ui, before: str, after: str = WORKING_TREE) -> DiffReport:
    """Compare two states, each a revision of the project's repository or a lock file; changes nothing.

    A file is what begins with ``/``, ``./`` or ``../``, or ends in ``.lock``. `WORKING_TREE` are the
    project's documents as they are. Raises `NotFound`, `SourceError`, `LockError` and `ProjectError`.
    """
    old, new = _read(settings, ui, before), _read(settings, ui, after)
    store = BlobStore(settings.paths.cache)
    changed = [name for name, one in new.lock.by_name.items() if not one.same_as(old.lock.get(name))]
    found = difference(*(_licensed(store, each, changed) for each in (old, new)))
    notes = tuple(_notes({before: old, after: new}))
    return DiffReport(**msgspec.structs.asdict(found), before=before, after=after, notes=notes)


def _read(settings: Settings, ui: Ui, name: str) -> Documents:
    if name == WORKING_TREE:
        with open_for_reading(settings, ui, must_exist=True) as workspace:
            return Documents(workspace.lock, workspace.project)
    if _FILE.fullmatch(name):
        return _file(settings.cwd / name)
    return _revision(checked_place(settings, create=False), name)


def _file(path: Path) -> Documents:
    """Read a lock file. Its project is not known, even where a tark.toml lies beside it."""
    data = read_optional(path, MAX_LOCK)
    if data is None:
        raise NotFound("there is no such lock file", where=str(path))
    return Documents(parse(data, where=str(path)))


def _revision(location: Location, name: str) -> Documents:
    from tarkpm.ops.project.revision import read_revision

    found = read_revision(location, name, instead="tarkpm diff ./old.lock")
    return Documents(found.lock(), found.project())


def _licensed(store: BlobStore, documents: Documents, names: Iterable[str]) -> Documents:
    """Return the documents with the licenses of these plugins, as far as the store has their plugin.toml."""
    entries = (documents.lock.get(name) for name in names)
    known = {entry.name: stored_manifest(store, entry) for entry in entries if entry}
    found = {name: manifest.license for name, manifest in known.items() if manifest}
    return msgspec.structs.replace(documents, licenses=found)


def _notes(documents: Mapping[str, Documents]) -> Iterator[str]:
    """Yield what a reader must know of the states that were compared."""
    if any(one.project is None for one in documents.values()):
        yield f"only locks are compared: a file has no {PROJECT}, so grants and indexes are not known"
    for name, one in documents.items():
        if one.lock.version == 1:
            where = name or "the working tree"
            yield f"the lock of {where} is version 1, which does not name what plugins ask for"
