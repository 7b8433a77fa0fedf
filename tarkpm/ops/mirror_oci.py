"""``tarkpm mirror oci://…`` and ``oci:DIR``: copy what a lock uses of OCI registries, bytes unchanged.

The copies are those of the locked manifests, so a line of ``[mirror]`` in a user's configuration leads to
them, and nothing that a lock says changes (docs/decisions/0236).
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.oci.artifact import Descriptor
from tarkpm.core.oci.decode import ArtifactManifest, check_blob, parse_manifest
from tarkpm.core.oci.mirror_target import LAYOUTS, MirrorTarget, folder_target, registry_target
from tarkpm.core.oci.reference import SCHEME, is_reference, parse
from tarkpm.core.release import OciSource
from tarkpm.core.text import short, some
from tarkpm.errors import DigestMismatch, NotFound, Refused
from tarkpm.io.locks import folder_lock
from tarkpm.io.parallel import run_parallel
from tarkpm.io.paths import expanded
from tarkpm.io.temporary import clear_temporary
from tarkpm.ops.change.fetch_locked import check_same
from tarkpm.ops.change.target import Target, check_target
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.fetch_oci import acquire_oci
from tarkpm.ops.release.registries import Registries
from tarkpm.ops.release.team_check import check_entry
from tarkpm.sources.oci import Registry
from tarkpm.sources.oci.layout_writer import LayoutTree
from tarkpm.sources.oci.registry import FetchedManifest

THREADS = 4
"""Releases that are copied at a time. Each is in memory as a whole, and may have 64 MiB."""


class MirroredPlugin(msgspec.Struct, frozen=True):
    """A locked plugin in the mirror, and its manifest's digest. ``existed`` means that nothing was pushed."""

    name: str
    version: str
    source: str
    reference: str
    digest: str
    existed: bool


class RegistryMirrorReport(msgspec.Struct, frozen=True):
    """A mirror of registries. ``mirror`` has the lines for users' configuration, from canonical to mirror."""

    target: str
    plugins: tuple[MirroredPlugin, ...]
    mirror: dict[str, str]
    notes: tuple[str, ...] = ()


class MirrorStore(Protocol):
    """Where repositories are copied to: a `Registry`, or a `LayoutTree`."""

    def manifest(self, repository: str, reference: str, *, push: bool = False) -> FetchedManifest:
        """Return the manifest of a tag or digest."""

    def blob(self, repository: str, digest: str, size: int) -> bytes:
        """Return a blob."""

    def push_blob(self, repository: str, data: bytes) -> str:
        """Store a blob unless it is there."""

    def push_manifest(self, repository: str, reference: str, data: bytes) -> str:
        """Store a manifest whose blobs are there."""


class _Copy(msgspec.Struct, frozen=True):
    """A release to copy: where its repository goes, and the name under which the store knows that."""

    entry: LockEntry
    source: OciSource
    place: str
    repository: str
    existed: bool = False

    @property
    def reference(self) -> str:
        return self.source.tag or self.source.digest

    def __str__(self) -> str:
        return f"{self.place}{':' if self.source.tag else '@'}{self.reference}"


def mirror_registries(settings: Settings, ui: Ui, to: str) -> RegistryMirrorReport:
    """Copy the locked releases of registries below a path of another registry, or into a folder.

    All is verified as by `sync`, and read back from the mirror afterwards. A copy that was interrupted goes
    on. Raises `ProjectNotAccepted`, `LockStale`, `NotFound` if the lock uses no registry, `Refused` before
    anything is written if a tag there has something else, and what `sync` raises for a release.
    """
    target = _target(settings, to)
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        # 1. As for `sync`: consent comes before the network.
        require_accepted(workspace)
        planned = _planned(workspace, target, to)
        if settings.offline:
            raise settings.unreachable(target.place)
        check_target(workspace, Target(workspace.project, workspace.lock, decided=True))
        workspace.resource(Registries)  # before threads share it
        with _store(settings, target, planned) as store:
            # 2. Ask for all tags first, because a registry has no transactions.
            ui.busy(f"asking {target.place}")
            found = run_parallel(lambda one: _compared(store, one), planned, threads=THREADS)
            # 3. Copy what is missing, and read everything back.
            ui.busy(f"copying to {target.place}")
            plugins = run_parallel(lambda one: _mirrored(workspace, store, one), found, threads=THREADS)
        left = [entry.name for entry in workspace.lock.entries if not isinstance(entry.source, OciSource)]
        notes = (f"not in the mirror, because they are not from a registry: {some(left)}",) if left else ()
        lines = target.lines(one.source for one in planned)
        return RegistryMirrorReport(target.place, tuple(plugins), lines, notes)


def _target(settings: Settings, text: str) -> MirrorTarget:
    if is_reference(text):
        return registry_target(text)
    typed = text[len(LAYOUTS) :]
    folder = os.path.normpath(settings.cwd / expanded(typed))
    # Without a name this would be the current folder, which nobody typed.
    if not typed or folder == "/":
        raise Refused("expected a folder behind oci:", where=text, hint="tarkpm mirror oci:./mirror")
    return folder_target(folder)


@contextmanager
def _store(settings: Settings, target: MirrorTarget, planned: list[_Copy]) -> Iterator[MirrorStore]:
    if is_reference(target.place):
        host = target.place.removeprefix(SCHEME).partition("/")[0]
        with Registry(host, settings.environment, threads=THREADS) as registry:
            yield registry
        return
    folder = Path(target.place)
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder, shared=False, deadline_seconds=settings.lock_seconds):
        for copy in planned:
            clear_temporary(Path(copy.repository))  # of killed copies: the lock is ours
        yield LayoutTree()


def _planned(workspace: Workspace, target: MirrorTarget, to: str) -> list[_Copy]:
    """Return the copies of the locked releases. Raises `NotFound` if there are none."""
    copies = []
    for entry in workspace.lock.entries:
        if isinstance(entry.source, OciSource):
            place = target.repository(entry.source)
            repository = parse(place).repository if is_reference(place) else place
            copies.append(_Copy(entry, entry.source, place, repository))
    if not copies:
        text = "tark.lock uses no plugin of an OCI registry"
        raise NotFound(text, where=str(workspace.location.lock_file), hint=other_way(to))
    return copies


def other_way(to: str) -> str:
    """Return the hint for what comes from an index, which is not copied to ``to``."""
    if is_reference(to):
        return f"make a bundle, then: tarkpm bundle push plugins.tar {shlex.quote(to)}"
    return shlex.join(["tarkpm", "mirror", to[len(LAYOUTS) :]])


def _compared(store: MirrorStore, copy: _Copy) -> _Copy:
    """Return the copy with what the mirror says it has. Raises `Refused` for another manifest there."""
    try:
        found = store.manifest(copy.repository, copy.reference, push=True)
    except (NotFound, DigestMismatch):  # it is not there, or lost, or damaged
        return copy
    if found.digest != copy.source.digest:
        # Whoever locked what the tag leads to there could fetch it no longer.
        text = f"the tag {short(copy.source.tag)} leads to {found.digest}, expected {copy.source.digest}"
        raise Refused(text, where=str(copy), hint="mirror to another path")
    return msgspec.structs.replace(copy, existed=True)


def _mirrored(workspace: Workspace, store: MirrorStore, copy: _Copy) -> MirroredPlugin:
    """Copy a release unless all of it can be fetched from the mirror, and check that it can then."""
    is_there = False
    if copy.existed:
        with suppress(NotFound, DigestMismatch):
            _read_back(store, copy)
            is_there = True
    if not is_there:
        _push(workspace, store, copy)
        _read_back(store, copy)
    entry, source = copy.entry, copy.source
    return MirroredPlugin(
        entry.name, str(entry.version), str(source), str(copy), source.digest, existed=is_there
    )


def _push(workspace: Workspace, store: MirrorStore, copy: _Copy) -> None:
    """Verify a release as its source has it, and push its blobs and its manifest."""
    entry, source, repository = copy.entry, copy.source, copy.repository
    (release,) = acquire_oci(workspace, [source], {source: entry.name})
    check_same(entry, release.candidate)
    check_entry(workspace, entry, release.candidate.manifest)
    data, parsed = _manifest(workspace, source)
    module = release.contents[release.candidate.manifest.wasm]
    check_blob(parsed.wasm, module, where=str(source))
    for blob in (module, _config(workspace, source, parsed)):
        store.push_blob(repository, blob)
    # Last: a manifest must not be there before its blobs, and its tag makes the release visible.
    store.push_manifest(repository, copy.reference, data)
    workspace.ui.busy(f"copied {copy}")


def _manifest(workspace: Workspace, source: OciSource) -> tuple[bytes, ArtifactManifest]:
    data = workspace.resource(Registries).repository(source).manifest(source.digest)
    return data, parse_manifest(data, where=str(source))


def _config(workspace: Workspace, source: OciSource, parsed: ArtifactManifest) -> bytes:
    if parsed.inline is not None:
        return parsed.inline
    return workspace.resource(Registries).repository(source).blob(parsed.config)


def _read_back(store: MirrorStore, copy: _Copy) -> None:
    """Raise what a client of the mirror would meet: a registry may say that it has a blob, and lack it."""
    repository = copy.repository
    found = store.manifest(repository, copy.reference)
    if found.digest != copy.source.digest:
        text = f"the mirror has {found.digest}, expected {copy.source.digest}"
        raise DigestMismatch(text, where=str(copy))
    parsed = parse_manifest(found.data, where=str(copy))
    blobs: tuple[Descriptor, ...] = (parsed.wasm, parsed.config)
    for one in blobs:
        store.blob(repository, one.digest, one.size)
