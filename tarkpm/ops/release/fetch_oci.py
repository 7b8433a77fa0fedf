"""Fetch releases from OCI registries: a tag leads to a manifest, the manifest to the files."""

import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.oci.artifact import Descriptor
from tarkpm.core.oci.bare import MODULE, bare_manifest
from tarkpm.core.oci.checked import check_tagged
from tarkpm.core.oci.decode import Artifact, ArtifactManifest, PluginFiles, decode, parse_manifest
from tarkpm.core.release import TYPES, OciSource, PluginName, Source, is_extra
from tarkpm.core.tags import TagRange, version_tags
from tarkpm.core.text import short, some
from tarkpm.errors import CommitUnreached, ModuleInvalid, NotFound, Refused, TooLarge
from tarkpm.host.module.fit import check_module
from tarkpm.ops.release.fetch import Release, release_of
from tarkpm.ops.release.log_proof import take_log_proof
from tarkpm.ops.release.registries import Registries
from tarkpm.sources.folder import MAX_EXTRAS, ReleaseFiles

if TYPE_CHECKING:
    from tarkpm.ops.project.workspace import Workspace
    from tarkpm.ops.release.registries import OciRepository


class LocatedManifest(msgspec.Struct, frozen=True):
    """A manifest: ``source`` names it by its digest, ``manifest`` says which blobs it has."""

    source: OciSource
    manifest: ArtifactManifest


def acquire_oci(
    workspace: "Workspace", sources: Iterable[OciSource], names: Mapping[Source, PluginName]
) -> list[Release]:
    """Fetch and verify the releases at sources of one repository.

    ``names`` are the plugins that locked sources are for. Raises what `release_at` raises, and
    `CommitUnreached`.
    """
    found = []
    for source in sources:
        hint = f"tarkpm update {names.get(source, '')}".rstrip()
        try:
            release = release_at(workspace, find(workspace, source))
        except NotFound as problem:
            # Many registries delete manifests that no tag leads to any longer. A mirror may lack any.
            if source.tag and source.digest and problem.where == f"oci://{source.oci}":
                problem.hint = hint
            raise
        if release.candidate.signer is None:
            _check_led_to(workspace, source, hint=hint)
        found.append(release)
    return found


def _check_led_to(workspace: "Workspace", source: OciSource, *, hint: str) -> None:
    """Raise `CommitUnreached` unless the tag of a locked source leads to the locked manifest.

    Only a signature ties a digest in tark.lock to the publisher. Without one, a digest may be that of
    anything that was ever pushed to the repository, such as a build of somebody's pull request.
    """
    if not (source.tag and source.digest):
        return
    data = workspace.resource(Registries).repository(source).manifest(source.tag)
    if f"sha256:{sha256(data)}" != source.digest:
        text = f"the tag {source.tag} leads to another manifest than the locked one, which is not signed"
        raise CommitUnreached(text, where=str(source), hint=hint)


def find(workspace: "Workspace", source: OciSource) -> LocatedManifest:
    """Return the manifest that a source is locked at, or else the one that its tag names now.

    Raises `NotFound`, `Unreachable`, `Refused`, and `DigestMismatch` for another manifest than was locked.
    """
    repository = workspace.resource(Registries).repository(source)
    if wanted := source.tag_range:
        source = msgspec.structs.replace(source, tag=_newest(repository, source, wanted))
    try:
        data = repository.manifest(source.digest or source.tag)
    except NotFound as problem:
        if not (source.tag and source.digest):  # what is locked is asked for by its digest
            problem.hint = f"tarkpm versions {shlex.quote(f'oci://{source.oci}')}"
        raise
    # The digest is that of the bytes: a header may say anything (docs/decisions/0205).
    resolved = msgspec.structs.replace(source, digest=f"sha256:{sha256(data)}")
    return LocatedManifest(resolved, parse_manifest(data, where=str(source)))


def _newest(repository: "OciRepository", source: OciSource, wanted: TagRange) -> str:
    names = repository.tags()
    if found := wanted.newest(names):
        return found.name
    others = version_tags(names)
    near = [tag.name for tag in others if tag.stem == wanted.stem]
    there = near or [tag.name for tag in others] or list(names)
    which = f"in '{source.tag}'" if source.tag else "that is no prerelease"
    message = f"no tag names a version {which}" + (f", but there are {some(there)}" if there else "")
    place = f"oci://{source.oci}"
    # A tag such as `latest` names none, and is never taken unless it is asked for.
    hint = f"tarkpm versions {shlex.quote(place)}" if others else f"name a tag: {place}:TAG"
    raise NotFound(message, where=place, hint=hint)


def release_at(workspace: "Workspace", found: LocatedManifest) -> Release:
    """Fetch and verify the release of a manifest; a module that the store has is not fetched again.

    Raises `Refused` for an artifact of another kind, `DigestMismatch`, `SignatureInvalid`, `ManifestError`,
    also for a version other than the tag's, `ModuleInvalid`, and `IndexUntrusted` for a false proof of a log.
    """
    source, where = found.source, str(found.source)
    repository = workspace.resource(Registries).repository(source)
    config = found.manifest.inline
    if config is None:
        config = repository.blob(found.manifest.config)
    artifact = decode(found.manifest, config, where=where)
    module = _module(workspace, repository, found.manifest.wasm)
    if artifact.plugin is None:
        files = {MANIFEST: bare_manifest(source, _types(module)), MODULE: module}
        return release_of(ReleaseFiles("", files, None), source)
    files = _files(artifact, artifact.plugin, where) | {artifact.module.name: module}
    plugin = artifact.plugin
    collected = ReleaseFiles(
        "", files, plugin.statement, ci_proof=plugin.ci_proof, log_proof=plugin.log_proof
    )
    release = release_of(collected, source)
    check_tagged(source, release.candidate.manifest.version, where=where)
    take_log_proof(workspace, release, where=where)
    return release


def take_repeated(workspace: "Workspace", found: LocatedManifest, release: Release) -> Release:
    """Return a release that the store has, after a look at the proof of a log in its manifest.

    The log may not have been known when the release was fetched. Asks nobody. Raises like `release_at`.
    """
    config, where = found.manifest.inline, str(found.source)
    plugin = decode(found.manifest, config, where=where).plugin if config else None
    if plugin and plugin.log_proof:
        release = msgspec.structs.replace(release, log_proof=plugin.log_proof)
        take_log_proof(workspace, release, where=where)
    return release


def _types(module: bytes) -> list[str]:
    """Return the types of plugins that a module fits."""
    found = []
    for kind in TYPES:
        with suppress(ModuleInvalid):
            check_module(module, kind, where="")
            found.append(kind)
    return found


def _module(workspace: "Workspace", repository: "OciRepository", wasm: Descriptor) -> bytes:
    from tarkpm.core.digest import Digest

    kept = workspace.store.find(Digest(wasm.digest.removeprefix("sha256:")), wasm.size)
    return kept if kept is not None and len(kept) == wasm.size else repository.blob(wasm)


def _files(artifact: Artifact, plugin: PluginFiles, where: str) -> dict[str, bytes]:
    """Return the files beside the module, of the kinds that a release has. Raises `Refused`, `TooLarge`."""
    manifest = Manifest.parse(plugin.files[MANIFEST], where=f"{where}: {MANIFEST}")
    if manifest.wasm != artifact.module.name:
        raise Refused(
            f"{MANIFEST} names the module {short(manifest.wasm)}, the config {short(artifact.module.name)}",
            where=where,
        )
    extras = [name for name in plugin.files if name != MANIFEST]
    # A statement lists the files that it signs; of an unsigned release nothing else limits them.
    if foreign := [name for name in extras if not is_extra(name)]:
        raise Refused(f"the config holds {some(foreign)}, which no release has", where=where)
    if plugin.statement is None and len(extras) > MAX_EXTRAS:
        message = f"expected at most {MAX_EXTRAS} files named LICENSE* or README*, found {len(extras)}"
        raise TooLarge(message, where=where)
    return dict(plugin.files)
