"""The OCI documents of a bundle: its index.json, and the manifests of slices of community indexes.

``index.json`` lists one manifest for each plugin, as `tarkpm.core.oci.artifact` writes them, and one for each
community index, of which it holds what the plugins need: TUF metadata, claims, rows and advisories, a layer
for each file. If there is compiled code (`tarkpm.core.compiled`), it lists one for that, too. Names are
``org.opencontainers.image.ref.name``, so that skopeo and oras find them.
See https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tarkpm.core.digest import Digest, is_digest, sha256
from tarkpm.core.document import decode_json
from tarkpm.core.release import PluginName, index_root
from tarkpm.core.version import Version
from tarkpm.errors import Refused

LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'
IMAGE_INDEX: Final = "application/vnd.oci.image.index.v1+json"
IMAGE_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
EMPTY: Final = b"{}"
SLICE: Final = "application/vnd.tark.index.slice.v1"
FILE: Final = "application/octet-stream"
REF: Final = "org.opencontainers.image.ref.name"
TITLE: Final = "org.opencontainers.image.title"
COMPILED: Final = "application/vnd.tark.compiled.v1"
COMPILED_STATEMENT: Final = "compiled.dsse.json"
"""The title of the layer that says who compiled the others."""
ROOT: Final = "dev.tark.index.root"
"""The annotation of a slice with the digest of its index's first root."""

MAX_INDEX: Final = 16 << 20
MAX_MANIFEST: Final = 16 << 20
"""Size limit of a manifest in bytes. A slice names each of its files."""
MAX_MANIFESTS: Final = 20_000
MAX_LAYERS: Final = 100_000

_PATH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,250}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,250}){0,5}")


class ContentDescriptor(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A descriptor of content (OCI image specification): its media type, digest and size."""

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: dict[str, str] = {}

    @property
    def sha256(self) -> Digest:
        """The digest without its algorithm; `checked` refuses any other."""
        return Digest(self.digest.removeprefix("sha256:"))

    @property
    def ref(self) -> str:
        """The name under which tools find the manifest."""
        return self.annotations.get(REF, "")


class _Index(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str
    manifests: list[ContentDescriptor]


class _Manifest(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str
    artifact_type: str
    config: ContentDescriptor
    layers: list[ContentDescriptor]


def descriptor(
    media_type: str, data: bytes, annotations: Mapping[str, str], artifact_type: str = ""
) -> ContentDescriptor:
    """Return the descriptor of ``data``."""
    return ContentDescriptor(
        media_type, f"sha256:{sha256(data)}", len(data), artifact_type, dict(annotations)
    )


def plugin_ref(name: PluginName, version: Version) -> str:
    """Return the name of a plugin in a bundle: ``text-tools-1.0.0``. No two releases share one."""
    return f"{name}-{version}"


def slice_ref(root: str) -> str:
    """Return the name of the slice of an index in a bundle."""
    return f"index-{root.removeprefix('sha256:')[:32]}"


def compiled_ref(platform: str) -> str:
    """Return the name of the code for a platform in a bundle: ``compiled-linux-amd64``."""
    return f"compiled-{platform.replace('/', '-')}"


def code_title(code: Digest) -> str:
    """Return the title of a layer of compiled code."""
    return f"{code}.cwasm"


def checked(one: ContentDescriptor, limit: int) -> ContentDescriptor:
    """Return a descriptor whose digest and size can be used. Raises `ValueError`."""
    if not one.digest.startswith("sha256:") or not is_digest(one.sha256):
        raise ValueError(f"expected a sha256 digest, found {one.digest[:80]!r}")
    if not 0 <= one.size <= limit:
        raise ValueError(f"expected at most {limit:,} bytes, found {one.size:,}")
    return one


def render_index(manifests: Sequence[ContentDescriptor]) -> bytes:
    """Return the bytes of index.json. Equal contents have equal bytes, in whatever order they come."""
    ordered = sorted(manifests, key=lambda one: one.ref)
    return _text(
        {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [_plain(one) for one in ordered]}
    )


def parse_index(data: bytes, *, where: str) -> dict[str, ContentDescriptor]:
    """Return the manifests of a bundle by name. Raises `Refused`."""
    document = decode_json(data, _Index, where=where, error=Refused, limit=MAX_INDEX)
    try:
        if (document.schema_version, document.media_type) != (2, IMAGE_INDEX):
            raise ValueError(f"expected an {IMAGE_INDEX}")
        if len(document.manifests) > MAX_MANIFESTS:
            raise ValueError(f"expected at most {MAX_MANIFESTS:,} manifests")
        found = {one.ref: checked(one, MAX_MANIFEST) for one in document.manifests}
        # An index may list indexes, to any depth. A bundle has no use for them.
        if kinds := {one.media_type for one in found.values()} - {IMAGE_MANIFEST}:
            raise ValueError(f"expected manifests, found {min(kinds)[:80]!r}")
        if len(found) != len(document.manifests) or "" in found:
            raise ValueError("a manifest has no name, or two have the same one")
    except ValueError as problem:
        raise Refused(str(problem), where=where) from None
    return found


def render_slice(layers: Mapping[str, ContentDescriptor], root: str) -> bytes:
    """Return the manifest of a slice, whose layers are named by path in the index."""
    return _render_layers(SLICE, layers, {ROOT: root})


def parse_slice(data: bytes, *, where: str) -> dict[str, ContentDescriptor]:
    """Return the layers of a slice by path in the index. Raises `Refused`."""
    found = _parse_layers(SLICE, data, MAX_INDEX, where=where)
    # tarkpm writes no file of such a name; other tools that unpack the slice may.
    if odd := [path for path in found if not _PATH.fullmatch(path)]:
        text = f"expected the path of a file in an index, found {odd[0][:80]!r}"
        raise Refused(text, where=where)
    return found


def render_compiled(statement: bytes, sizes: Mapping[Digest, int]) -> bytes:
    """Return the manifest of compiled code: of its statement, and of each piece of code, by its size."""
    layers = {
        title: ContentDescriptor(FILE, f"sha256:{code}", size, "", {TITLE: title})
        for code, size in sizes.items()
        for title in (code_title(code),)
    }
    layers[COMPILED_STATEMENT] = descriptor(FILE, statement, {TITLE: COMPILED_STATEMENT})
    return _render_layers(COMPILED, layers, {})


def parse_compiled(
    data: bytes, limit: int, *, where: str
) -> tuple[ContentDescriptor, dict[Digest, ContentDescriptor]]:
    """Return the statement of compiled code, and each piece of code by its digest. Raises `Refused`.

    ``limit`` is that of a piece of code in bytes.
    """
    layers = _parse_layers(COMPILED, data, limit, where=where)
    statement = layers.pop(COMPILED_STATEMENT, None)
    if statement is None or any(title != code_title(one.sha256) for title, one in layers.items()):
        text = f"expected '{COMPILED_STATEMENT}' and pieces of code that are named by their digests"
        raise Refused(text, where=where)
    return statement, {one.sha256: one for one in layers.values()}


def _render_layers(
    artifact_type: str, layers: Mapping[str, ContentDescriptor], annotations: Mapping[str, str]
) -> bytes:
    config = {**_plain(descriptor(EMPTY_TYPE, EMPTY, {})), "data": "e30="}
    table: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": artifact_type,
        "config": config,
        "layers": [_plain(layers[title]) for title in sorted(layers)],
    }
    return _text({**table, "annotations": annotations} if annotations else table)


def _parse_layers(artifact_type: str, data: bytes, limit: int, *, where: str) -> dict[str, ContentDescriptor]:
    """Return the layers of an artifact by title, each of at most ``limit`` bytes. Raises `Refused`."""
    document = decode_json(data, _Manifest, where=where, error=Refused, limit=MAX_MANIFEST)
    try:
        if (document.schema_version, document.artifact_type) != (2, artifact_type):
            raise ValueError(f"expected an artifact of type {artifact_type}")
        if len(document.layers) > MAX_LAYERS:
            raise ValueError(f"expected at most {MAX_LAYERS:,} layers")
        found = {one.annotations.get(TITLE, ""): checked(one, limit) for one in document.layers}
        if len(found) != len(document.layers):
            raise ValueError("two layers have the same name")
    except ValueError as problem:
        raise Refused(str(problem), where=where) from None
    return found


def slice_root(one: ContentDescriptor) -> str:
    """Return the root of the index that a slice is of, "" for a manifest that is no slice.

    Raises `ValueError` for a slice without one.
    """
    return index_root(one.annotations.get(ROOT, "")) if one.artifact_type == SLICE else ""


def _plain(one: ContentDescriptor) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(one)
    return plain


def _text(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
