"""Push a signed release to an OCI registry, once: a tag that is there is never moved."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tarkpm.core.digest import FileEntry
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.oci.decode import decode, parse_manifest
from tarkpm.core.oci.reference import OciReference, tag_name
from tarkpm.core.tags import version_tag
from tarkpm.core.text import short, some
from tarkpm.core.tlog.proof import LogProof
from tarkpm.core.verification import VerifiedRelease
from tarkpm.errors import DigestMismatch, NotFound, Refused
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.release.artifacts import encode_release
from tarkpm.sources.oci import Registry
from tarkpm.sources.oci.registry import FetchedManifest


class Pushed(msgspec.Struct, frozen=True):
    """Where a release is, the digest of its manifest, whether it was pushed now, or was there already.

    ``log_proof`` is the proof of a log in the artifact; not verified if that was there already.
    """

    reference: OciReference
    digest: str
    written: bool
    existed: bool
    log_proof: LogProof | None = None


def push(
    settings: Settings,
    to: OciReference,
    release: VerifiedRelease,
    files: Mapping[str, bytes],
    envelope: bytes,
    *,
    ci_proof: bytes | None = None,
    log_proof: LogProof | None = None,
    where: str,
) -> Pushed:
    """Push a release to a tag, which is its version unless ``to`` has another one.

    ``where`` is the plugin's folder, ``ci_proof`` of the statement's CI identity, ``log_proof`` of the log of
    an index. With ``--dry-run`` the registry is only asked what it has. Raises `Refused` if the tag has other
    contents, or names another version.
    """
    if settings.offline:
        raise settings.unreachable(str(to))
    proofs: Any = {"ci_proof": ci_proof, "log_proof": log_proof}
    with Registry(to.registry, settings.environment) as registry:
        return push_with(registry, settings, to, release, files, envelope, **proofs, where=where)


def push_with(
    registry: Registry,
    settings: Settings,
    to: OciReference,
    release: VerifiedRelease,
    files: Mapping[str, bytes],
    envelope: bytes,
    *,
    ci_proof: bytes | None = None,
    log_proof: LogProof | None = None,
    where: str,
) -> Pushed:
    """Push a release with a registry that is open. See `push`."""
    to = msgspec.structs.replace(to, tag=_tag(to, release))
    proofs: Any = {"ci_proof": ci_proof, "log_proof": log_proof}
    encoded = encode_release(files, release.manifest, statement=envelope, **proofs, where=where)
    # Asked first: a push to a tag replaces what it has, and those who locked that could not fetch it.
    if found := _found(registry, to):
        if found.data != encoded.manifest:
            log_proof = _check_same(registry, to, found, files, envelope)
        return Pushed(to, found.digest, written=False, existed=True, log_proof=log_proof)
    if not settings.dry_run:
        registry.push_blob(to.repository, files[release.manifest.wasm])
        registry.push_blob(to.repository, encoded.config)
        # Last: a manifest must not be there before its blobs, and this makes the release visible.
        registry.push_manifest(to.repository, to.tag, encoded.manifest)
    return Pushed(to, encoded.digest, written=not settings.dry_run, existed=False, log_proof=log_proof)


def _tag(to: OciReference, release: VerifiedRelease) -> str:
    version = release.manifest.version
    if to.digest:
        raise Refused("expected a tag to publish under, found a digest", where=str(to))
    try:
        tag = tag_name(to.tag or str(version))
    except ValueError as problem:
        raise Refused(str(problem), where=str(to)) from None
    named = version_tag(tag)
    if named and named.version != version:
        text = f"the tag {short(tag)} names another version than {MANIFEST}, {version}"
        raise Refused(text, where=str(to), hint=f"leave out the tag: {to.location}")
    return tag


def _found(registry: Registry, to: OciReference) -> FetchedManifest | None:
    try:
        return registry.manifest(to.repository, to.tag, push=True)
    except NotFound:
        return None


def _check_same(
    registry: Registry,
    to: OciReference,
    found: FetchedManifest,
    files: Mapping[str, bytes],
    envelope: bytes,
) -> LogProof | None:
    """Return the proof of a log that a tag has.

    Raises `Refused` unless it has this release, whoever packed it.
    """
    hint = f"raise plugin.version in {MANIFEST}" if version_tag(to.tag) else "choose another tag"
    try:
        there, log_proof = _contents(registry, to, found)
    except (Refused, DigestMismatch) as problem:
        text = f"the tag has something else than a plugin: {problem.message}"
        raise Refused(text, where=str(to), hint=hint) from None
    ours = {FileEntry.of(name, data) for name, data in {**files, STATEMENT: envelope}.items()}
    if differing := sorted({entry.name for entry in ours ^ there}):
        text = f"another release has this tag, with other contents of {some(differing)}"
        raise Refused(text, where=str(to), hint=hint)
    return log_proof


def _contents(
    registry: Registry, to: OciReference, found: FetchedManifest
) -> tuple[set[FileEntry], LogProof | None]:
    """Return the files of an artifact and its proof; the module is known by its digest and not fetched."""
    manifest = parse_manifest(found.data, where=str(to))
    config = manifest.inline
    if config is None:
        config = registry.blob(to.repository, manifest.config.digest, manifest.config.size)
    artifact = decode(manifest, config, where=str(to))
    if artifact.plugin is None:
        return {artifact.module}, None
    held = dict(artifact.plugin.files)
    if artifact.plugin.statement is not None:
        held[STATEMENT] = artifact.plugin.statement
    files = {artifact.module, *(FileEntry.of(name, data) for name, data in held.items())}
    return files, artifact.plugin.log_proof
