"""``tarkpm mirror``: copy an index, or what a project uses of it, to where clients can use it instead."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from tarkpm.core.advised import NOTHING
from tarkpm.core.digest import sha256
from tarkpm.core.lockfile import Pin
from tarkpm.core.project import IndexEntry
from tarkpm.core.release import PluginName
from tarkpm.core.text import some
from tarkpm.errors import NotFound, Refused, TarkError, VerificationError
from tarkpm.io.files import read_optional
from tarkpm.io.locks import folder_lock
from tarkpm.io.temporary import clear_temporary, is_temporary
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import open_client
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.sources.index.client import IndexClient
from tarkpm.sources.index.copying import Copying, copy_all, copy_releases
from tarkpm.sources.index.copying_log import copy_log
from tarkpm.sources.index.fetcher import FIRST
from tarkpm.sources.index.places import IndexLocation

MAX_ROOT = 512_000


class MirrorReport(msgspec.Struct, frozen=True):
    """A mirror, with the numbers of plugins and releases in it, and of files and bytes written just now."""

    folder: str
    index: str
    root: str
    plugins: int
    releases: int
    files: int
    bytes: int


def mirror(
    settings: Settings, ui: Ui, target: Path, index: PluginName | None = None, *, only_locked: bool = False
) -> MirrorReport:
    """Copy an index of the project into a folder, or only what the project's lock uses of it.

    The folder is new or empty, or a mirror of the same index, which is brought up to date. Raises
    `ProjectNotAccepted`, `NotFound`, `Refused` for another folder, and what a client of the index raises; the
    folder then serves what it served before.
    """
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        require_accepted(workspace)
        entry = _entry(workspace, index)
        if settings.offline and "://" in entry.url:
            raise settings.unreachable(f"{entry.source} at {entry.url}")
        folder = settings.cwd / target
        folder.mkdir(parents=True, exist_ok=True)
        copy = (
            (lambda client, place: _copy_locked(workspace, entry, client, place)) if only_locked else copy_all
        )
        with folder_lock(folder, shared=False, deadline_seconds=settings.lock_seconds):
            _check(folder, entry)
            clear_temporary(folder)  # of killed copies: the lock is ours
            ui.busy(f"copying {entry.source}")
            try:
                plugins, releases, place = _copied(workspace, entry, folder, copy, reuse=True)
            except VerificationError:
                # What the folder has of the metadata may be damaged. It decides nothing: it is fetched again.
                plugins, releases, place = _copied(workspace, entry, folder, copy, reuse=False)
        return MirrorReport(
            str(target), str(entry.name), entry.root, plugins, releases, place.files, place.bytes
        )


Copier = Callable[[IndexClient, Copying], tuple[int, int]]


def _copied(
    workspace: Workspace, entry: IndexEntry, folder: Path, copy: Copier, *, reuse: bool
) -> tuple[int, int, Copying]:
    places: list[Copying] = []

    def through(place: IndexLocation) -> Copying:
        places.append(Copying(place, folder, reuse=reuse))
        return places[-1]

    # Not this user's cache: everything must pass through the folder.
    with (
        tempfile.TemporaryDirectory(prefix="tarkpm-") as cache,
        open_client(workspace, entry, cache=Path(cache), through=through) as client,
    ):
        client.refresh()
        # First: by it, an interrupted copy is known to be one of this index.
        places[0].keep(FIRST)
        workspace.resource(KnownLogs).learn(entry.source, client)
        plugins, releases = copy(client, places[0])
        workspace.claims.remember(entry.root, (), workspace.settings.lock_seconds, (), client.seen)
        return plugins, releases, places[0]


def _copy_locked(
    workspace: Workspace, entry: IndexEntry, client: IndexClient, place: Copying
) -> tuple[int, int]:
    """Copy what a client asks for the locked plugins of an index, and the locked releases."""
    locked = [one for one in workspace.lock.entries if one.source == entry.source]
    names = [one.name for one in locked]
    client.claims(names)
    client.listings(names)
    client.advisories(names, NOTHING)
    copy_log(client, place)
    copy_releases(client, place, [Pin(one.name, one.statement, one.files) for one in locked if one.statement])
    place.finish()
    return len(locked), len(locked)


def _entry(workspace: Workspace, name: PluginName | None) -> IndexEntry:
    """Return the index of this name, or the project's only one. Raises `NotFound`, `TarkError`."""
    indexes = workspace.project.indexes
    where = str(workspace.location.project_file)
    if name is not None and name not in indexes:
        text = f"this project has no index named '{name}'"
        raise NotFound(text, where=where, hint="tarkpm index list")
    if not indexes:
        raise NotFound(
            "this project has no index", where=where, hint="tarkpm index add NAME URL --root sha256:…"
        )
    if name is None and len(indexes) > 1:
        text = f"expected --index, because the project has several: {some(sorted(indexes))}"
        raise TarkError(text, where=where, hint="tarkpm index list")
    return indexes[name] if name is not None else next(iter(indexes.values()))


def _check(folder: Path, entry: IndexEntry) -> None:
    """Raise `Refused` unless the folder is a mirror of this index, or as good as empty."""
    first = read_optional(folder / FIRST, MAX_ROOT)
    if first is None and not all(_is_left(path) for path in folder.rglob("*")):
        raise Refused("expected a new or empty folder, or a mirror of the index", where=str(folder))
    if first is not None and f"sha256:{sha256(first)}" != entry.root:
        raise Refused("the folder is a mirror of another index", where=str(folder))


def _is_left(path: Path) -> bool:
    """Return whether a copy makes this before its first file is whole: a folder, or part of it."""
    return is_temporary(path) or (path.is_dir() and not path.is_symlink())
