"""Bundles, and the OCI documents in them."""

import os
import tempfile
from pathlib import Path

from fuzzing.target import Target
from tarkpm.core.bundle.archive import header, read_header
from tarkpm.core.bundle.layout import parse_index, parse_slice, render_index
from tarkpm.sources.bundle import Bundle

WHERE = "plugins.tar"


def bundle(data: bytes) -> None:
    """Open a whole file, and read every blob that its index names."""
    descriptor, name = tempfile.mkstemp(suffix=".tar")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        with Bundle(Path(name)) as found:
            assert found.plugins.keys().isdisjoint(one.ref for one in found.slices.values())
            for one in found.manifests.values():
                assert len(found.blob(one, len(data))) == one.size
    finally:
        Path(name).unlink()


def one_header(data: bytes) -> None:
    """Read a header: it is the only one that says this."""
    block = data[:512].ljust(512, b"\0")
    member = read_header(block)
    assert member is None or header(member) == block


def index(data: bytes) -> None:
    """Read an index.json: what is written of it reads back."""
    found = parse_index(data, where=WHERE)
    assert parse_index(render_index(list(found.values())), where=WHERE) == found


def slice_manifest(data: bytes) -> None:
    """Read the manifest of a slice: no name leads elsewhere for those who unpack it."""
    for path in parse_slice(data, where=WHERE):
        assert not {"", ".", ".."} & {*path.split("/")}
        assert "\\" not in path


_WORDS = (
    '"manifests":',
    '"mediaType":',
    '"digest":',
    '"size":',
    '"annotations":',
    '"artifactType":',
    '"layers":',
)
TARGETS = (
    Target(
        "bundle", bundle, words=("ustar", "blobs/sha256/", "index.json", "oci-layout", *_WORDS), longest=4096
    ),
    Target("bundle-header", one_header, (ValueError,), words=("ustar\x0000", "blobs/sha256/", "index.json")),
    Target("bundle-index", index, words=_WORDS),
    Target("bundle-slice", slice_manifest, words=_WORDS),
)
