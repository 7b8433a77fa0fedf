"""``tarkpm mirror oci://…``: copy what a lock uses of OCI registries to another one, bytes unchanged.

The copies are those of the locked manifests, so a line of ``[mirror]`` in a user's configuration leads to
them, and nothing that a lock says changes (docs/decisions/0236).
"""

import shlex
from contextlib import suppress

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.oci.artifact import Descriptor
from tarkpm.core.oci.decode import ArtifactManifest, check_blob, parse_manifest
from tarkpm.core.oci.mirror_target import MirrorTarget, parse_target
from tarkpm.core.oci.reference import OciReference
from tarkpm.core.release import OciSource
from tarkpm.core.text import short, some
from tarkpm.errors import DigestMismatch, NotFound, Refused
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.change.stage import check_same
from tarkpm.ops.change.target import Target, check_target
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.fetch_oci import acquire_oci
from tarkpm.ops.release.registries import Registries
from tarkpm.ops.release.team_check import check_entry
from tarkpm.sources.oci import Registry

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
    """A mirror in a registry. ``mirror`` has the lines for users' configuration, from canonical to mirror."""

    target: str
    plugins: tuple[MirroredPlugin, ...]
    mirror: dict[str, str]
    notes: tuple[str, ...] = ()


class _Copy(msgspec.Struct, frozen=True):
    entry: LockEntry
    source: OciSource
    to: OciReference
    existed: bool = False

    @property
    def reference(self) -> str:
        return self.to.tag or self.to.digest


def mirror_to_registry(settings: Settings, ui: Ui, to: str) -> RegistryMirrorReport:
    """Copy the locked releases of registries below a path of another registry.

    All is verified as by `sync`, and read back from the mirror afterwards. A copy that was interrupted goes
    on. Raises `ProjectNotAccepted`, `LockStale`, `NotFound` if the lock uses no registry, `Refused` before
    anything is pushed if a tag there has something else, and what `sync` raises for a release.
    """
    target = parse_target(to)
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        # 1. As for `sync`: consent comes before the network.
        require_accepted(workspace)
        planned = _planned(workspace, target)
        if settings.offline:
            raise settings.unreachable(str(target))
        check_target(workspace, Target(workspace.project, workspace.lock, decided=True))
        workspace.resource(Registries)  # before threads share it
        with Registry(target.registry, settings.environment, threads=THREADS) as registry:
            # 2. Ask for all tags first, because a registry has no transactions.
            ui.busy(f"asking {target}")
            found = run_parallel(lambda one: _compared(registry, one), planned, threads=THREADS)
            # 3. Copy what is missing, and read everything back.
            ui.busy(f"copying to {target}")
            plugins = run_parallel(lambda one: _mirrored(workspace, registry, one), found, threads=THREADS)
        left = [entry.name for entry in workspace.lock.entries if not isinstance(entry.source, OciSource)]
        notes = (f"not in the mirror: {some(left)}, which no registry has",) if left else ()
        lines = target.lines(one.source for one in planned)
        return RegistryMirrorReport(str(target), tuple(plugins), lines, notes)


def _planned(workspace: Workspace, target: MirrorTarget) -> list[_Copy]:
    """Return the copies of the locked releases. Raises `NotFound` if there are none."""
    copies = [
        _Copy(entry, entry.source, target.place(entry.source))
        for entry in workspace.lock.entries
        if isinstance(entry.source, OciSource)
    ]
    if not copies:
        text = "tark.lock uses no plugin of an OCI registry"
        hint = f"make a bundle, then: tarkpm bundle push plugins.tar {shlex.quote(str(target))}"
        raise NotFound(text, where=str(workspace.location.lock_file), hint=hint)
    return copies


def _compared(registry: Registry, copy: _Copy) -> _Copy:
    """Return the copy with what the mirror says it has. Raises `Refused` for another manifest there."""
    try:
        found = registry.manifest(copy.to.repository, copy.reference, push=True)
    except NotFound:
        return copy
    if found.digest != copy.source.digest:
        # Whoever locked what the tag leads to there could fetch it no longer.
        text = f"the tag {short(copy.to.tag)} leads to {found.digest}, expected {copy.source.digest}"
        raise Refused(text, where=str(copy.to), hint="mirror to another path of the registry")
    return msgspec.structs.replace(copy, existed=True)


def _mirrored(workspace: Workspace, registry: Registry, copy: _Copy) -> MirroredPlugin:
    """Copy a release unless all of it can be fetched from the mirror, and check that it can then."""
    is_there = False
    if copy.existed:
        with suppress(NotFound, DigestMismatch):
            _read_back(registry, copy)
            is_there = True
    if not is_there:
        _push(workspace, registry, copy)
        _read_back(registry, copy)
    entry, source = copy.entry, copy.source
    return MirroredPlugin(
        entry.name, str(entry.version), str(source), str(copy.to), source.digest, existed=is_there
    )


def _push(workspace: Workspace, registry: Registry, copy: _Copy) -> None:
    """Verify a release as its source has it, and push its blobs and its manifest."""
    entry, source, repository = copy.entry, copy.source, copy.to.repository
    (release,) = acquire_oci(workspace, [source], {source: entry.name})
    check_same(entry, release.candidate)
    check_entry(workspace, entry, release.candidate.manifest)
    data, parsed = _manifest(workspace, source)
    module = release.contents[release.candidate.manifest.wasm]
    check_blob(parsed.wasm, module, where=str(source))
    for blob in (module, _config(workspace, source, parsed)):
        registry.push_blob(repository, blob)
    # Last: a manifest must not be there before its blobs, and its tag makes the release visible.
    registry.push_manifest(repository, copy.reference, data)
    workspace.ui.busy(f"copied {copy.to}")


def _manifest(workspace: Workspace, source: OciSource) -> tuple[bytes, ArtifactManifest]:
    data = workspace.resource(Registries).repository(source).manifest(source.digest)
    return data, parse_manifest(data, where=str(source))


def _config(workspace: Workspace, source: OciSource, parsed: ArtifactManifest) -> bytes:
    if parsed.inline is not None:
        return parsed.inline
    return workspace.resource(Registries).repository(source).blob(parsed.config)


def _read_back(registry: Registry, copy: _Copy) -> None:
    """Raise what a client of the mirror would meet: a registry may say that it has a blob, and lack it."""
    repository = copy.to.repository
    found = registry.manifest(repository, copy.reference)
    if found.digest != copy.source.digest:
        text = f"the mirror has {found.digest}, expected {copy.source.digest}"
        raise DigestMismatch(text, where=str(copy.to))
    parsed = parse_manifest(found.data, where=str(copy.to))
    blobs: tuple[Descriptor, ...] = (parsed.wasm, parsed.config)
    for one in blobs:
        registry.blob(repository, one.digest, one.size)
