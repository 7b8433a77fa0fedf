"""A release as an OCI artifact: what `publish` pushes and bundles hold."""

from collections.abc import Mapping

from tarkpm.core.digest import FileEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.oci.artifact import EncodedArtifact, ModuleNames, encode
from tarkpm.core.tlog.proof import LogProof
from tarkpm.host.module.inspect import inspect


def encode_release(
    files: Mapping[str, bytes],
    manifest: Manifest,
    *,
    statement: bytes | None,
    ci_proof: bytes | None = None,
    log_proof: LogProof | None = None,
    hashed: FileEntry | None = None,
    where: str,
) -> EncodedArtifact:
    """Return the artifact of a release; its imports and exports are read from the module.

    ``files`` are those of the release without ``statement``. ``hashed`` is the module's entry, if the caller
    has hashed it. Equal releases with equal proofs give equal bytes. Raises `ModuleInvalid`, and `TooLarge`
    for files that do not fit beside the module.
    """
    info = inspect(files[manifest.wasm], where=where)
    surface = ModuleNames(info.imports, info.exports, component=info.kind == "component")
    return encode(
        files,
        manifest,
        surface,
        statement=statement,
        ci_proof=ci_proof,
        log_proof=log_proof,
        hashed=hashed,
        where=where,
    )
