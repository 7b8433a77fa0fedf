"""Put locked releases into a new bundle."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.bundle.layout import ROOT, plugin_ref
from tarkpm.core.digest import FileEntry
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.names import STATEMENT
from tarkpm.core.oci.artifact import CONFIG_TYPE, EncodedArtifact
from tarkpm.core.release import IndexSource
from tarkpm.core.verification import verify_release
from tarkpm.io.parallel import ahead, threads_for
from tarkpm.ops.change.fetch_locked import check_same
from tarkpm.ops.project.proofs import kept_proof
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.artifacts import encode_release
from tarkpm.ops.release.fetch import stored_files
from tarkpm.ops.release.log_entry import locked_log_proof
from tarkpm.sources.bundle.writer import BundleWriter

if TYPE_CHECKING:  # most bundles have no compiled code
    from tarkpm.ops.author.bundled_code import CodeMaker


class BundledPlugin(msgspec.Struct, frozen=True):
    """A plugin in a bundle: ``root`` is that of its index, or "", ``size`` its module's in bytes."""

    name: str
    version: str
    type: str
    signer: str
    root: str
    size: int


def add_releases(
    workspace: Workspace, bundle: BundleWriter, entries: list[LockEntry], maker: "CodeMaker | None"
) -> Iterator[BundledPlugin]:
    """Verify locked releases in the store completely, and add them; the next one is read meanwhile.

    Raises what `sync` raises for a release, and what ``maker`` raises.
    """
    threads = threads_for([entry.size for entry in entries], workspace.settings.threads)
    contents = ahead(partial(_read, workspace), entries, threads=threads)
    for entry, files in zip(entries, contents, strict=True):
        artifact, module = _verified(workspace, entry, files)
        if maker:
            maker.add(bundle, entry, module, files[module.name])
        yield _add(bundle, entry, artifact, module, files[module.name])


def _read(workspace: Workspace, entry: LockEntry) -> dict[str, bytes]:
    """Return the files of a locked release in the store, which have the locked digests."""
    return {file.name: workspace.store.read(file) for file in stored_files(entry)}


def _verified(
    workspace: Workspace, entry: LockEntry, files: dict[str, bytes]
) -> tuple[EncodedArtifact, FileEntry]:
    """Return the artifact of a locked release in the store, and its module.

    It is verified as if it had just been fetched. That the module fits its type was checked before it was
    stored.
    """
    statement, where = files.pop(STATEMENT, None), str(entry.source)
    release = verify_release(files, statement, entry.source, where=where, hashed=entry.files)
    check_same(entry, release)
    module = release.module
    artifact = encode_release(
        files,
        release.manifest,
        statement=statement,
        ci_proof=kept_proof(workspace, entry),
        log_proof=locked_log_proof(workspace, entry),
        hashed=module,
        where=where,
    )
    return artifact, module


def _add(
    bundle: BundleWriter, entry: LockEntry, artifact: EncodedArtifact, module: FileEntry, data: bytes
) -> BundledPlugin:
    bundle.add_large(module.sha256, data)
    bundle.add(artifact.config)
    root = root_of(entry)
    more = {ROOT: root} if root else {}
    bundle.add_manifest(artifact.manifest, plugin_ref(entry.name, entry.version), CONFIG_TYPE, more)
    return BundledPlugin(entry.name, str(entry.version), entry.type, entry.signer or "", root, module.size)


def root_of(entry: LockEntry) -> str:
    return entry.source.root if isinstance(entry.source, IndexSource) else ""
