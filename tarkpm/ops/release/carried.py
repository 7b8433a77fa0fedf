"""What a bundle carries, during one verb: releases, and what indexes said when the bundle was made.

What a bundle says is not believed. A release must be the locked one, signed by whom the project trusts, and
what an index says is verified as if the index were asked, as of the bundle's snapshot
(docs/decisions/0218-a-bundle-is-judged-as-of-its-snapshot.md).
"""

import shlex
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.bundle.layout import ContentDescriptor, plugin_ref, slice_ref
from tarkpm.core.digest import FileEntry
from tarkpm.core.lockfile import LockEntry, fingerprint
from tarkpm.core.oci.artifact import MAX_CONFIG, MAX_OCI_MANIFEST
from tarkpm.core.oci.decode import MAX_MODULE, PluginFiles, decode, parse_manifest
from tarkpm.core.project import IndexEntry
from tarkpm.core.release import IndexSource, PluginName, Source
from tarkpm.core.text import some
from tarkpm.errors import BlobMissing, IndexStale, Refused, Unreachable
from tarkpm.io.parallel import run_parallel, threads_for
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.known_advisories import KnownAdvisories
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release, release_of, stored_files
from tarkpm.ops.release.log_proof import take_log_proof
from tarkpm.sources.bundle import Bundle
from tarkpm.sources.bundle.place import CarriedIndex
from tarkpm.sources.folder import ReleaseFiles

if TYPE_CHECKING:
    from tarkpm.sources.index import IndexClient

MAKE_AGAIN = "make it again where there is a network: tarkpm bundle create -o plugins.tar"


class Carried:
    """The bundle that the settings name, as a resource of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Open the bundle. Raises what `Bundle` raises."""
        bundle = workspace.settings.bundle
        assert bundle is not None, "only asked for with a bundle"
        self._workspace = workspace
        self.bundle = Bundle(workspace.settings.cwd / bundle)

    def close(self) -> None:
        """Close the file."""
        self.bundle.close()

    def has(self, entry: LockEntry) -> bool:
        """Return whether the bundle has a release of this name and version."""
        return plugin_ref(entry.name, entry.version) in self.bundle.plugins

    def releases(self, entries: Collection[LockEntry]) -> list[Release]:
        """Return the releases of locked entries, verified. That they are the locked ones is not checked yet.

        Raises `DigestMismatch`, `SignatureInvalid`, `NotFound`, `Refused`, `ManifestError`, `ModuleInvalid`,
        and `IndexUntrusted` for a false proof of a log.
        """
        self._workspace.resource(KnownLogs)  # the threads share it
        threads = threads_for([entry.size for entry in entries], self._workspace.settings.threads)
        return run_parallel(self._release, entries, threads=threads)

    def _release(self, entry: LockEntry) -> Release:
        one = self.bundle.plugins[plugin_ref(entry.name, entry.version)]
        release = read_release(self.bundle, one, entry.source)
        take_log_proof(self._workspace, release, where=f"{self.bundle.where}: {one.ref}")
        return release

    def learn(self) -> None:
        """Keep in state what the bundle's slices say of the publishers of the locked plugins it carries.

        Raises `IndexUntrusted`, `IndexStale` for a slice that is older than what this machine saw before,
        `Unreachable` where the bundle says nothing, `BlobMissing` for a plugin that it does not have, and
        `Refused` for the bundle of another project.
        """
        workspace = self._workspace
        carried = [entry for entry in workspace.lock.entries if self.has(entry)]
        lockable = [entry for entry in workspace.lock.entries if not entry.is_working_copy]
        if lockable and not carried:
            there = some(sorted(self.bundle.plugins)) or "no plugin"
            text = f"the bundle has none of the locked plugins: it has {there}"
            raise Refused(
                text, where=self.bundle.where, hint=f"tarkpm bundle inspect {shlex.quote(self.bundle.where)}"
            )
        if absent := [entry.name for entry in lockable if not (self.has(entry) or self._is_here(entry))]:
            text = f"neither in the bundle nor on this machine: {some(absent)}"
            raise BlobMissing(text, where=self.bundle.where, hint=MAKE_AGAIN)
        for source, names in self._by_index(carried).items():
            self._learn(source, names, carried)
        workspace.resource(Indexes).learn_publishers(workspace.lock.entries)

    def _learn_logged(self, client: "IndexClient", source: IndexSource, carried: list[LockEntry]) -> None:
        """Learn from the rows that the log of an index has what is to be installed, if there is a log."""
        logs, record = self._workspace.resource(KnownLogs), self._workspace.record
        if client.log is None and logs.seen(source) is None:
            return
        new = [
            one
            for one in carried
            if (here := record.installed.get(one.name)) is None or here.fingerprint != fingerprint(one)
        ]
        logs.require_locked(source, client, new, client.listings([one.name for one in new]))

    def _is_here(self, entry: LockEntry) -> bool:
        """Return whether a bundle may leave out a locked release: it is installed, or in the store."""
        installed = self._workspace.record.installed.get(entry.name)
        is_installed = installed is not None and installed.fingerprint == fingerprint(entry)
        return is_installed or not self._workspace.store.missing(stored_files(entry))

    @property
    def unused(self) -> str:
        """A note about plugins in the bundle that the lock does not name; "" if there are none."""
        refs = {plugin_ref(entry.name, entry.version) for entry in self._workspace.lock.entries}
        others = sorted(self.bundle.plugins.keys() - refs)
        return f"not used of the bundle, because tark.lock does not name it: {some(others)}" if others else ""

    def _by_index(self, entries: Iterable[LockEntry]) -> dict[IndexSource, list[PluginName]]:
        known = {index.source for index in self._workspace.project.indexes.values()}
        found: dict[IndexSource, list[PluginName]] = {}
        for entry in entries:
            # An entry of an index that the project does not have is refused later.
            if isinstance(entry.source, IndexSource) and entry.source in known:
                found.setdefault(entry.source, []).append(entry.name)
        return found

    def _learn(self, source: IndexSource, names: list[PluginName], carried: list[LockEntry]) -> None:
        workspace = self._workspace
        floors, lock_seconds = workspace.vouched.floors.get(source.root, {}), workspace.settings.lock_seconds
        with frozen_client(self.bundle, source, floors, lock_seconds) as client:
            try:
                workspace.resource(Indexes).learn_from(client, source, names)
                self._learn_logged(client, source, [one for one in carried if one.source == source])
                signed = [entry.name for entry in carried if entry.statement]
                workspace.resource(KnownAdvisories).learn_kept(source, signed, client)
            except IndexStale as problem:
                problem.hint = MAKE_AGAIN
                raise


@contextmanager
def frozen_client(
    bundle: Bundle, source: IndexSource, floors: Mapping[str, int], lock_seconds: float
) -> "Iterator[IndexClient]":
    """Open the client of an index as a bundle has it. Raises `Unreachable` if the bundle has no slice of it.

    ``floors`` are the versions of its metadata that this machine saw before.
    """
    files = bundle.slice(source.root)
    if files is None:
        text = f"the bundle has plugins of {source}, and nothing that the index says of them"
        raise Unreachable(text, where=bundle.where, hint=MAKE_AGAIN)
    from tarkpm.sources.index import IndexClient

    entry = IndexEntry(PluginName(source.index), f"{bundle.where}: {slice_ref(source.root)}", source.root)
    # Not this user's cache: it may have seen a newer timestamp, which says nothing about the maintainers'
    # metadata. What they signed is compared with state instead.
    with (
        tempfile.TemporaryDirectory(prefix="tarkpm-") as cache,
        IndexClient(
            entry,
            cache=Path(cache),
            base=bundle.path.parent,
            lock_seconds=lock_seconds,
            floors=floors,
            frozen=CarriedIndex(bundle, files),
        ) as client,
    ):
        yield client


class BundledArtifact(msgspec.Struct, frozen=True):
    """The module of a plugin in a bundle, which is not read yet, and its other files."""

    module: FileEntry
    plugin: PluginFiles


def read_release(bundle: Bundle, one: ContentDescriptor, source: Source) -> Release:
    """Return the verified release in a manifest of a bundle. Raises what `Carried.releases` raises."""
    artifact, where = read_artifact(bundle, one), f"{bundle.where}: {one.ref}"
    module = artifact.module
    data = bundle.content(module.sha256, module.size, MAX_MODULE)
    files = {**artifact.plugin.files, module.name: data}
    plugin = artifact.plugin
    collected = ReleaseFiles(
        "", files, plugin.statement, ci_proof=plugin.ci_proof, log_proof=plugin.log_proof
    )
    return release_of(collected, source, (module,), where=where)


def read_artifact(bundle: Bundle, one: ContentDescriptor) -> BundledArtifact:
    """Return the artifact in a manifest of a bundle, which no signature vouches for yet.

    Raises `DigestMismatch`, `NotFound`, `Refused`.
    """
    where = f"{bundle.where}: {one.ref}"
    manifest = parse_manifest(bundle.blob(one, MAX_OCI_MANIFEST), where=where)
    config = manifest.inline
    if config is None:
        about = ContentDescriptor(manifest.config.media_type, manifest.config.digest, manifest.config.size)
        config = bundle.blob(about, MAX_CONFIG)
    artifact = decode(manifest, config, where=where)
    if artifact.plugin is None:
        raise Refused("expected a plugin, found a module without a plugin.toml", where=where)
    return BundledArtifact(artifact.module, artifact.plugin)
