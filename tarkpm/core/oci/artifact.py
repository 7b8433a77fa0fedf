"""A plugin's release as one OCI artifact, which other tools copy and run as well. Pure.

::

    manifest   application/vnd.oci.image.manifest.v1+json
    ├ config   application/vnd.wasm.config.v0+json, repeated in its descriptor's `data`
    │          └ "tark.plugin.v1": {"wasm": NAME, "files": {NAME: base64},
    │                               "sigstore": base64, "tlog-proof": text}
    └ layers   exactly one, application/wasm: the module

This is the layout of the CNCF's Wasm OCI artifacts, which wkg and runtimes read: they refuse a second layer,
and ignore keys of the config they do not know. So a release's other files, its statement among them, are in
the config: they are part of the manifest's digest, every copy keeps them, and a client that reads `data`
needs two requests, for the manifest and for the module (docs/decisions/0200).

The same release with the same proofs always has the same bytes, so also the same digest. What comes from a
registry is read in `tarkpm.core.oci.decode`.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.tlog.proof import LogProof
from tarkpm.errors import TooLarge

MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE: Final = "application/vnd.wasm.config.v0+json"
WASM_TYPE: Final = "application/wasm"
KEY: Final = "tark.plugin.v1"
"""The key of the config under which a release's files are."""
SIGSTORE: Final = "sigstore"
"""The key, below `KEY`, of the proof of a CI identity (docs/decisions/0227)."""
LOG_PROOF: Final = "tlog-proof"
"""The key, below `KEY`, of the proof that the log of an index has the release (docs/decisions/0245)."""
TITLE: Final = "org.opencontainers.image.title"
MAX_OCI_MANIFEST: Final = 4 << 20
"""Bytes. A registry has to accept no more (OCI Distribution Specification 1.1, "Pushing Manifests")."""
MAX_CONFIG: Final = 2 << 20
"""Bytes. In base64, as `data` repeats it, it fits in a manifest."""
EPOCH: Final = "1970-01-01T00:00:00Z"


class Descriptor(msgspec.Struct, frozen=True):
    """What a manifest says about a blob (OCI Image Specification 1.1, "Content Descriptors").

    ``digest`` begins with ``sha256:``. ``size`` is in bytes.
    """

    media_type: str
    digest: str
    size: int

    @classmethod
    def of(cls, media_type: str, data: bytes) -> "Descriptor":
        """Return the descriptor of these bytes."""
        return cls(media_type, f"sha256:{sha256(data)}", len(data))


class ModuleNames(msgspec.Struct, frozen=True):
    """The names that a module imports and exports. ``component`` is False for a core module."""

    imports: tuple[str, ...]
    exports: tuple[str, ...]
    component: bool = True


class EncodedArtifact(msgspec.Struct, frozen=True):
    """The bytes to store for one release; the third blob is the module itself, as ``wasm`` describes it."""

    manifest: bytes
    config: bytes
    wasm: Descriptor

    @property
    def digest(self) -> str:
        """The digest of the manifest, which identifies the artifact."""
        return f"sha256:{sha256(self.manifest)}"


def encode(
    files: Mapping[str, bytes],
    manifest: Manifest,
    surface: ModuleNames,
    *,
    statement: bytes | None = None,
    ci_proof: bytes | None = None,
    log_proof: LogProof | None = None,
    hashed: FileEntry | None = None,
    where: str = "",
) -> EncodedArtifact:
    """Return the artifact of a release.

    ``files`` are those of the release by name, with plugin.toml and the module and without ``statement``,
    which is None for an unsigned release. ``manifest`` is what plugin.toml says, ``ci_proof`` the proof of a
    CI identity, and ``log_proof`` that the log of an index has the release. ``hashed`` is the module's entry,
    if the caller has hashed it. Raises `TooLarge` for files that do not fit in a config.
    """
    module = hashed or FileEntry.of(manifest.wasm, files[manifest.wasm])
    others = {name: data for name, data in files.items() if name != manifest.wasm}
    if statement is not None:
        others[STATEMENT] = statement
    config = _json(_config(others, module, surface, _proofs(ci_proof, log_proof)))
    if len(config) > MAX_CONFIG:
        size = sum(map(len, others.values()))
        text = f"the files beside the module have {size:,} bytes, too many for a registry"
        raise TooLarge(text, where=where, hint=f"shorten the README and LICENSE files beside {MANIFEST}")
    wasm = Descriptor(WASM_TYPE, f"sha256:{module.sha256}", module.size)
    table = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {**_table(Descriptor.of(CONFIG_TYPE, config)), "data": _text(config)},
        "layers": [{**_table(wasm), "annotations": {TITLE: module.name}}],
        "annotations": _annotations(manifest),
    }
    return EncodedArtifact(_json(table), config, wasm)


def _config(
    files: Mapping[str, bytes], module: FileEntry, surface: ModuleNames, proofs: Mapping[str, str]
) -> dict[str, Any]:
    held: dict[str, Any] = {
        "wasm": module.name,
        "files": {name: _text(data) for name, data in files.items()},
        **proofs,
    }
    config = {
        # wkg requires these keys. A real time would give equal releases different digests.
        "created": EPOCH,
        "architecture": "wasm",
        "os": "wasip2" if surface.component else "wasip1",
        "layerDigests": [f"sha256:{module.sha256}"],
        KEY: held,
    }
    if surface.component:
        config["component"] = {"exports": list(surface.exports), "imports": list(surface.imports)}
    return config


def _proofs(ci_proof: bytes | None, log_proof: LogProof | None) -> dict[str, str]:
    found = {} if ci_proof is None else {SIGSTORE: _text(ci_proof)}
    return found if log_proof is None else {**found, LOG_PROOF: log_proof.text}


def _annotations(manifest: Manifest) -> dict[str, str]:
    """Return what registries' pages show (OCI Image Specification 1.1, "Pre-Defined Annotation Keys")."""
    found = {
        "title": manifest.name,
        "version": str(manifest.version),
        "description": manifest.description,
        "licenses": manifest.license,
    }
    return {f"org.opencontainers.image.{key}": text for key, text in found.items() if text}


def _table(item: Descriptor) -> dict[str, Any]:
    return {"mediaType": item.media_type, "digest": item.digest, "size": item.size}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _json(table: Mapping[str, Any]) -> bytes:
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
