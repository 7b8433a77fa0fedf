"""Verify a bundle: by itself, and against a project. It changes nothing, and makes no network request."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.advised import NOTHING
from tarkpm.core.bundle.layout import (
    EMPTY,
    MAX_MANIFEST,
    ROOT,
    ContentDescriptor,
    parse_compiled,
    parse_slice,
    plugin_ref,
)
from tarkpm.core.claim import Claim, Vouched
from tarkpm.core.compiled import MAX_CODE
from tarkpm.core.digest import Digest, sha256
from tarkpm.core.keyless import identity_of
from tarkpm.core.layout import TIMESTAMP
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.oci.decode import parse_manifest
from tarkpm.core.release import IndexSource, PathSource, PluginName
from tarkpm.core.rows import Listing
from tarkpm.core.text import some
from tarkpm.core.trust import check_trusted, check_vouched
from tarkpm.core.verification import VerifiedRelease
from tarkpm.errors import NotFound, Refused
from tarkpm.ops.change.fetch_locked import check_same
from tarkpm.ops.change.prove import checked_run
from tarkpm.ops.project.proofs import proved_run
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.carried import frozen_client, read_artifact, read_release
from tarkpm.ops.release.fetch import Release
from tarkpm.ops.release.log_proof import check_log_proof
from tarkpm.sources.bundle import Bundle
from tarkpm.sources.bundle.place import CarriedIndex
from tarkpm.sources.index import shape

if TYPE_CHECKING:
    from tarkpm.sources.index import IndexClient


class BundledIndex(msgspec.Struct, frozen=True):
    """What a bundle has of an index: its root, and until when that counted as fresh, in UTC."""

    root: str
    fresh_until: str


class Checked(msgspec.Struct, frozen=True):
    """The plugins of a bundle, verified, each with the root of its index or "", and its indexes.

    ``proofs`` are the releases with nothing but their statements and proofs, of a CI identity and of a log.
    Those are not verified: only a project knows what to check them with.
    """

    plugins: Mapping[str, tuple[VerifiedRelease, str]]
    indexes: tuple[BundledIndex, ...]
    vouched: Vouched
    proofs: Mapping[str, Release]


def check_bundle(bundle: Bundle, vouched: Vouched, lock_seconds: float) -> Checked:
    """Verify every blob, signature and slice. ``vouched`` is what this machine knows of indexes.

    A slice is verified from its own root, of which only a project knows whose it is. Raises what `sync`
    raises for a bundle, and `Refused` for blobs that nothing names.
    """
    _check_complete(bundle)
    releases, by_root, proofs = {}, dict[str, list[VerifiedRelease]](), {}
    for ref, one in bundle.plugins.items():
        found, root = _release(bundle, ref, one)
        release = found.candidate
        releases[ref] = (release, root)
        contents = {name: data for name, data in found.contents.items() if name == STATEMENT}
        proofs[ref] = msgspec.structs.replace(found, contents=contents)
        if root:
            by_root.setdefault(root, []).append(release)
    if missing := sorted(by_root.keys() - bundle.slices.keys()):
        text = f"the bundle has plugins of the index {missing[0]}, and nothing that the index says of them"
        raise NotFound(text, where=bundle.where)
    names = [release.manifest.name for release, _ in releases.values() if release.statement]
    indexes = []
    for root in sorted(bundle.slices):
        known, expires = _read_slice(bundle, root, by_root.get(root, ()), names, vouched, lock_seconds)
        vouched = msgspec.structs.replace(vouched, claims={**vouched.claims, root: known})
        for release in by_root.get(root, ()):
            check_vouched(release.entry(), _source(root), vouched)
        indexes.append(BundledIndex(root, f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M} UTC"))
    return Checked(releases, tuple(indexes), vouched, proofs)


def check_project(workspace: Workspace, checked: Checked) -> list[PluginName]:
    """Check the locked plugins that a bundle has against a project; returns those that it does not have.

    Raises `DigestMismatch`, `SignatureInvalid`, `IndexUntrusted` for a false proof of a log, and what
    `check_trusted` raises.
    """
    missing = []
    for entry in workspace.lock.entries:
        if isinstance(entry.source, PathSource):
            continue
        ref = plugin_ref(entry.name, entry.version)
        found = checked.plugins.get(ref)
        if found is None:
            missing.append(entry.name)
            continue
        check_same(entry, found[0])
        if proof := checked.proofs[ref].log_proof:
            check_log_proof(workspace, found[0], proof, where=str(entry.source))
        run = proved_run(workspace, workspace.project, entry)
        if run is None and identity_of(workspace.project, entry):
            run = checked_run(workspace.project, entry, checked.proofs[ref])
        check_trusted(workspace.project, entry, checked.vouched, run)
    return missing


def _source(root: str) -> IndexSource:
    """Return the source of an index that only its root names."""
    return IndexSource(root, root)


def _check_complete(bundle: Bundle) -> None:
    """Raise `Refused` for blobs that no manifest names, which no reader would ever check."""
    named = {one.sha256 for one in bundle.manifests.values()}
    for ref, one in bundle.manifests.items():
        data, where = bundle.blob(one, MAX_MANIFEST), f"{bundle.where}: {ref}"
        if ref in bundle.plugins:
            manifest = parse_manifest(data, where=where)
            named |= {
                Digest(blob.digest.removeprefix("sha256:")) for blob in (manifest.config, manifest.wasm)
            }
        elif ref in bundle.compiled:
            statement, pieces = parse_compiled(data, MAX_CODE, where=where)
            named |= {statement.sha256, sha256(EMPTY), *pieces}
        else:
            named |= {layer.sha256 for layer in parse_slice(data, where=where).values()}
            named.add(sha256(EMPTY))
    if others := sorted(bundle.digests - named):
        raise Refused(f"the bundle has blobs that nothing names: {some(others)}", where=bundle.where)
    if absent := sorted(named - bundle.digests):
        raise NotFound(f"the bundle lists blobs that it does not have: {some(absent)}", where=bundle.where)


def _release(bundle: Bundle, ref: str, one: ContentDescriptor) -> tuple[Release, str]:
    root = one.annotations.get(ROOT, "")
    release = read_release(bundle, one, _source(root))
    manifest = release.candidate.manifest
    if plugin_ref(manifest.name, manifest.version) != ref:
        text = f"expected '{ref}', found {manifest.name} {manifest.version}"
        raise Refused(text, where=f"{bundle.where}: {ref}")
    return release, root


def _read_slice(
    bundle: Bundle,
    root: str,
    releases: Sequence[VerifiedRelease],
    signed: list[PluginName],
    vouched: Vouched,
    lock_seconds: float,
) -> tuple[dict[PluginName, Claim], int]:
    names = [release.manifest.name for release in releases]
    where = f"{bundle.where}: {root}"
    with frozen_client(bundle, _source(root), vouched.floors.get(root, {}), lock_seconds) as client:
        claims = client.claims(names)
        _check_logged(client, releases, client.listings(names), where=where)
        advisories = client.advisories(signed, NOTHING)
    return {name: claim for name, claim in claims.items() if claim}, advisories.expires


def _check_logged(
    client: "IndexClient",
    releases: Iterable[VerifiedRelease],
    listings: Mapping[PluginName, Listing | None],
    *,
    where: str,
) -> None:
    """Check the proofs that the log of an index has these releases. Raises `IndexUntrusted`, `NotFound`."""
    keys = client.log
    if keys is None:
        return
    for release in releases:
        name, version = release.manifest.name, release.manifest.version
        listing = listings.get(name)
        row = listing.get(version) if listing else None
        if row is None or row.statement != release.statement:
            text = f"the index does not list {name} {version}, so nothing shows that it is in the log"
            raise NotFound(text, where=where)
        keys.check_release(row.proof, name, version, row.statement.sha256, where=where)


class InspectedPlugin(msgspec.Struct, frozen=True):
    """A plugin as a bundle describes it. ``size`` is its module's in bytes, and ``digest`` the manifest's."""

    name: str
    version: str
    type: str
    root: str
    size: int
    digest: str
    signed: bool
    declared: tuple[str, ...] = ()


def claimed_plugins(bundle: Bundle) -> Iterator[InspectedPlugin]:
    """Yield the plugins of a bundle as their own texts describe them. Raises like `Bundle.blob`."""
    for one in bundle.plugins.values():
        artifact = read_artifact(bundle, one)
        where = f"{bundle.where}: {one.ref}"
        manifest = Manifest.parse(artifact.plugin.files[MANIFEST], where=where)
        yield InspectedPlugin(
            manifest.name,
            str(manifest.version),
            manifest.type,
            one.annotations.get(ROOT, ""),
            artifact.module.size,
            one.digest,
            artifact.plugin.statement is not None,
            tuple(map(str, manifest.capabilities)),
        )


def claimed_indexes(bundle: Bundle) -> Iterator[BundledIndex]:
    """Yield the slices of a bundle. Raises like `Bundle.blob`."""
    for root in sorted(bundle.slices):
        data = CarriedIndex(bundle, bundle.slice(root) or {}).dated().get(TIMESTAMP, b"")
        moment = shape.check(TIMESTAMP, data, where=f"{bundle.where}: {TIMESTAMP}.json").expires
        yield BundledIndex(root, moment.replace("T", " ").replace("Z", " UTC")[:40])
