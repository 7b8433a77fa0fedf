"""Read the manifest and config of an artifact from a registry. Everything in them is untrusted. Pure.

`parse_manifest` says which blobs to fetch, and `decode` what is in them. A manifest that was asked for by its
digest must be checked against it first; here only what the manifest names is checked. Both raise `Refused`
for an artifact of another kind, and `DigestMismatch`.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from tarkpm.core.digest import Digest, FileEntry, sha256
from tarkpm.core.document import convert, strict_json
from tarkpm.core.file_names import file_name, same_name
from tarkpm.core.names import MANIFEST, MAX_CI_PROOF, MAX_MANIFEST, MAX_STATEMENT, STATEMENT
from tarkpm.core.oci.artifact import (
    CONFIG_TYPE,
    INDEX_TYPE,
    KEY,
    LOG_PROOF,
    MANIFEST_TYPE,
    MAX_CONFIG,
    MAX_OCI_MANIFEST,
    SIGSTORE,
    TITLE,
    WASM_TYPE,
    Descriptor,
)
from tarkpm.core.oci.reference import digest_text
from tarkpm.core.statement import MAX_SUBJECTS
from tarkpm.core.text import json_flaw, short
from tarkpm.core.tlog.proof import LogProof, parse_proof
from tarkpm.errors import DigestMismatch, Refused

MAX_MODULE = 64 << 20
"""Limit of a module, in bytes, as for every source."""
MAX_FILES = MAX_SUBJECTS + 1
"""Limit of the files beside the module: those a statement can list, and the statement."""


class ArtifactManifest(msgspec.Struct, frozen=True):
    """A checked manifest: the blobs to fetch. ``inline`` is the config, if the manifest repeats it."""

    config: Descriptor
    wasm: Descriptor
    title: str = ""
    inline: bytes | None = None


class PluginFiles(msgspec.Struct, frozen=True):
    """The files of a release beside its module, by name, with plugin.toml.

    ``statement`` is None for an unsigned release, ``ci_proof`` for one without a proof of a CI identity, and
    ``log_proof`` for one without a proof that a log has it. None of them is verified.
    """

    files: Mapping[str, bytes]
    statement: bytes | None = None
    ci_proof: bytes | None = None
    log_proof: LogProof | None = None


class Artifact(msgspec.Struct, frozen=True):
    """An artifact that holds a module.

    ``module`` is the file to fetch: its name, digest and size. ``plugin`` is None if the artifact has nothing
    of tarkpm's: wkg and others push a component alone, without a plugin.toml.
    """

    module: FileEntry
    plugin: PluginFiles | None

    @property
    def digest(self) -> str:
        """The digest of the module's blob."""
        return f"sha256:{self.module.sha256}"


class _Descriptor(msgspec.Struct):
    mediaType: str  # noqa: N815  # the specification's name
    digest: str
    size: int
    data: str = ""
    annotations: dict[str, str] | None = None


class _Manifest(msgspec.Struct):
    schemaVersion: int  # noqa: N815
    config: _Descriptor
    layers: list[_Descriptor]


class _Held(msgspec.Struct):
    wasm: str
    files: dict[str, str]
    ci_proof: str = msgspec.field(default="", name=SIGSTORE)
    log_proof: str = msgspec.field(default="", name=LOG_PROOF)


class _Config(msgspec.Struct):
    layerDigests: list[str] | None = None  # noqa: N815
    held: _Held | None = msgspec.field(default=None, name=KEY)


def parse_manifest(data: bytes, *, where: str) -> ArtifactManifest:
    """Read a manifest with one module. Raises `Refused` and, for a wrong ``data``, `DigestMismatch`."""
    table = _json(data, "manifest", MAX_OCI_MANIFEST, where)
    kind = table.get("mediaType", "")
    if kind == INDEX_TYPE:
        raise Refused("expected one artifact, found an index of several", where=where)
    if kind != MANIFEST_TYPE:
        raise Refused(f"expected an OCI image manifest, found {short(kind)}", where=where)
    document = convert(table, _Manifest, where=where, error=Refused)
    config = _descriptor(document.config, CONFIG_TYPE, MAX_CONFIG, f"{where}: config")
    if len(document.layers) != 1:
        raise Refused(f"expected exactly one layer, found {len(document.layers)}", where=where)
    layer = document.layers[0]
    wasm = _descriptor(layer, WASM_TYPE, MAX_MODULE, f"{where}: layers")
    inline = _base64(document.config.data, "config.data", where) if document.config.data else None
    if inline is not None:
        check_blob(config, inline, where=f"{where}: config.data")
    return ArtifactManifest(config, wasm, (layer.annotations or {}).get(TITLE, ""), inline)


def decode(manifest: ArtifactManifest, config: bytes, *, where: str) -> Artifact:
    """Read the files that a config holds. Raises `Refused`, and `DigestMismatch` for another config."""
    check_blob(manifest.config, config, where=f"{where}: config")
    table = _json(config, "config", MAX_CONFIG, where)
    document = convert(table, _Config, where=f"{where}: config", error=Refused)
    digest, size = Digest(manifest.wasm.digest.removeprefix("sha256:")), manifest.wasm.size
    if document.held is None:
        return Artifact(FileEntry(_title(manifest.title), digest, size), None)
    # The config is written for one module: with another one, somebody put the artifact together.
    if document.layerDigests != [manifest.wasm.digest]:
        raise Refused("the layer is not the module that the config is for", where=where)
    name = _name(document.held.wasm, where)
    return Artifact(FileEntry(name, digest, size), _plugin(document.held, name, where))


def check_blob(item: Descriptor, data: bytes, *, where: str) -> None:
    """Raise `DigestMismatch` unless ``data`` is the blob that a descriptor names."""
    if len(data) != item.size:
        raise DigestMismatch(f"the blob has {len(data):,} bytes, expected {item.size:,}", where=where)
    if (found := f"sha256:{sha256(data)}") != item.digest:
        raise DigestMismatch(f"the blob has digest {found}, expected {item.digest}", where=where)


def _plugin(held: _Held, module: str, where: str) -> PluginFiles:
    if len(held.files) > MAX_FILES:
        raise Refused(f"expected at most {MAX_FILES} files, found {len(held.files)}", where=where)
    files = {_name(name, where): _base64(text, name, where) for name, text in held.files.items()}
    if pair := same_name([*files, module]):
        raise Refused(f"the files {short(pair[0])} and {short(pair[1])} have the same name", where=where)
    if MANIFEST not in files:
        raise Refused(f"the config holds no {MANIFEST}", where=where)
    ci_proof = _base64(held.ci_proof, SIGSTORE, where) if held.ci_proof else None
    for what, data, limit in (
        (MANIFEST, files[MANIFEST], MAX_MANIFEST),
        (STATEMENT, files.get(STATEMENT), MAX_STATEMENT),
        (SIGSTORE, ci_proof, MAX_CI_PROOF),
    ):
        if data is not None and len(data) > limit:
            raise Refused(f"'{what}' has {len(data):,} bytes, the limit is {limit:,}", where=where)
    log_proof = _log_proof(held.log_proof, where) if held.log_proof else None
    return PluginFiles(files, files.pop(STATEMENT, None), ci_proof, log_proof)


def _log_proof(text: str, where: str) -> LogProof:
    try:
        return parse_proof(text)
    except ValueError as problem:
        raise Refused(f"'{LOG_PROOF}': {problem}", where=where) from None


def _descriptor(found: _Descriptor, kind: str, limit: int, where: str) -> Descriptor:
    if found.mediaType != kind:
        raise Refused(f"expected the media type {kind}, found {short(found.mediaType)}", where=where)
    if not 0 <= found.size <= limit:
        raise Refused(f"expected at most {limit:,} bytes, found {found.size:,}", where=where)
    try:
        return Descriptor(kind, digest_text(found.digest), found.size)
    except ValueError as problem:
        raise Refused(str(problem), where=where) from None


def _json(data: bytes, what: str, limit: int, where: str) -> dict[str, Any]:
    if len(data) > limit:
        raise Refused(f"the {what} has {len(data):,} bytes, the limit is {limit:,}", where=where)
    try:
        table = strict_json(data)
    except (ValueError, RecursionError) as problem:
        raise Refused(f"the {what} is not strict JSON: {json_flaw(problem)}", where=where) from None
    if not isinstance(table, dict):
        raise Refused(f"expected an object as {what}", where=where)
    return table


def _name(text: str, where: str) -> str:
    try:
        return file_name(text)
    except ValueError as problem:
        raise Refused(str(problem), where=where) from None


def _title(text: str) -> str:
    """Return the file name that a layer suggests, "plugin.wasm" for none that is plain."""
    try:
        return file_name(text)
    except ValueError:
        return "plugin.wasm"


def _base64(text: str, what: str, where: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = None
    # RFC 4648, section 3.5: other texts decode to the same bytes; only the canonical one is accepted.
    if raw is None or base64.b64encode(raw).decode() != text:
        raise Refused(f"expected padded base64 in {short(what)}", where=where)
    return raw
