"""What an OCI registry sends, and references to what it has."""

import json

from fuzzing.target import Target
from tarkpm.core.oci import reference as references
from tarkpm.core.oci.artifact import CONFIG_TYPE, MANIFEST_TYPE, WASM_TYPE, Descriptor
from tarkpm.core.oci.challenge import read_challenge
from tarkpm.core.oci.decode import Artifact, decode, parse_manifest
from tarkpm.core.tlog.proof import parse_proof
from tarkpm.sources.oci.layout import read_index

WHERE = "oci://h.example/o/t"
_WASM = Descriptor(WASM_TYPE, "sha256:" + "0" * 64, 8)


def reference(data: bytes) -> None:
    """Read a reference: its text reads back, and no part of it changes the place in a URL."""
    found = references.parse(data.decode("utf-8", "surrogateescape"))
    assert references.parse(str(found)) == found
    assert not (found.tag and found.digest)
    assert not {*"?#@%\\ "} & {*found.repository, *found.registry}
    assert ".." not in found.repository.split("/")


def manifest(data: bytes) -> None:
    """Read a manifest, and the config that it repeats."""
    found = parse_manifest(data, where=WHERE)
    if found.inline is not None:
        _check(decode(found, found.inline, where=WHERE))


def config(data: bytes) -> None:
    """Read a config whose digest is right."""
    item = Descriptor.of(CONFIG_TYPE, data)
    table = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _table(item),
        "layers": [_table(_WASM)],
    }
    _check(decode(parse_manifest(json.dumps(table).encode(), where=WHERE), data, where=WHERE))


def challenge(data: bytes) -> None:
    """Read the header that asks for a login."""
    found = read_challenge(data.decode("latin-1"))
    assert found is None or bool(found.realm) is (found.scheme == "bearer")


def layout(data: bytes) -> None:
    """Read the index of an image layout, which a folder in the place of a repository has."""
    for tag, digest in read_index(data, where=WHERE).items():
        assert "/" not in tag
        assert len(digest) == len("sha256:") + 64


def _check(found: Artifact) -> None:
    names = [found.module.name, *(found.plugin.files if found.plugin else ())]
    assert len(names) == len({*names})
    assert not any(part in ("", ".", "..") for name in names for part in name.split("/"))
    if found.plugin and (proof := found.plugin.log_proof):
        assert parse_proof(proof.text) == proof


def _table(item: Descriptor) -> dict[str, object]:
    return {"mediaType": item.media_type, "digest": item.digest, "size": item.size}


TARGETS = (
    Target(
        "oci-reference", reference, words=("oci://", ":5000", "[::1]", "@sha256:", ":^1.2", "/", "..", "__")
    ),
    Target(
        "oci-manifest",
        manifest,
        words=('"config":', '"layers":', '"mediaType":', '"data":', '"size":', '"digest":', '"annotations":'),
    ),
    Target(
        "oci-config",
        config,
        words=(
            *('"tark.plugin.v1":', '"files":', '"wasm":', '"sigstore":', '"layerDigests":', '"tlog-proof":'),
            *("c2sp.org/tlog-proof@v1\\nindex ", "\\n\\n", "\\u2014 "),
        ),
    ),
    Target(
        "oci-layout",
        layout,
        words=('"manifests":', '"annotations":', '"digest":', "org.opencontainers.image.ref.name"),
    ),
    Target("oci-challenge", challenge, words=("Bearer ", "Basic ", "realm=", "service=", '"', "\\", ",")),
)
