"""``tarkpm search``: find plugins in the project's indexes."""

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.project import IndexEntry
from tarkpm.core.search import SearchEntry
from tarkpm.errors import NotFound
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading

MAX_FOUND = 50
NO_DIGEST = Digest("")
"""The catalogue names versions, not statements."""


class Found(msgspec.Struct, frozen=True):
    """A matching plugin, as its author describes it.

    ``locked`` is the version that this project has locked from this index.
    """

    index: str
    name: str
    version: str
    type: str
    capabilities: tuple[str, ...]
    description: str
    locked: str = ""


class SearchReport(msgspec.Struct, frozen=True):
    """The matching plugins, matches by name first; ``more`` were left out.

    ``near`` is the name nearest to a word that nothing matches, "" if none is similar.
    """

    plugins: tuple[Found, ...]
    more: int = 0
    near: str = ""


def search(
    settings: Settings, ui: Ui, words: list[str], *, kind: str = "", capability: str = ""
) -> SearchReport:
    """Return the plugins of all indexes with every word in name or description, of a type and capability.

    Raises `NotFound` without an index, `Unreachable`, `IndexUntrusted`.
    """
    with open_for_reading(settings, ui) as workspace:
        if not workspace.project.indexes:
            where, hint = str(workspace.location.project_file), "tarkpm index add NAME URL --root sha256:…"
            raise NotFound("this project has no index to search", where=where, hint=hint)
        require_accepted(workspace)
        lowered = [word.lower() for word in words]
        found = [
            _found(workspace, index, entry)
            for index in workspace.project.indexes.values()
            for entry in workspace.resource(Indexes).client(index.source).search()
            if _matches(entry, lowered) and kind in ("", entry.type)
            # The catalogue may be older than a revocation that was seen.
            if not workspace.vouched.is_revoked(index.source, entry.name, entry.version, NO_DIGEST)
            if not capability or capability in entry.capabilities
        ]
        found.sort(key=lambda one: (not all(word in one.name for word in lowered), one.name, one.index))
        near = "" if found or len(words) != 1 else _nearest(workspace, lowered[0])
        return SearchReport(tuple(found[:MAX_FOUND]), max(0, len(found) - MAX_FOUND), near)


def _nearest(workspace: Workspace, word: str) -> str:
    indexes = workspace.resource(Indexes)
    names = (indexes.nearest(index.source, word) for index in workspace.project.indexes.values())
    return next(filter(None, names), "")


def _matches(entry: SearchEntry, words: list[str]) -> bool:
    text = f"{entry.name} {entry.description}".lower()
    return all(word in text for word in words)


def _found(workspace: Workspace, index: IndexEntry, entry: SearchEntry) -> Found:
    locked = workspace.lock.get(entry.name)
    version = str(locked.version) if locked and locked.source == index.source else ""
    return Found(
        index.name, entry.name, str(entry.version), entry.type, entry.capabilities, entry.description, version
    )
