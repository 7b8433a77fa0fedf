"""A server whose small answers inflate to a gigabyte."""

import gzip
import tracemalloc
import zlib

import pytest
from support.index_fixtures import Victim

from tarkpm.errors import DigestMismatch, IndexUntrusted, TarkError

MIB = 1 << 20


def _bomb() -> bytes:
    """A gigabyte of spaces, a hundred times over a mebibyte's compression."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b" " * MIB) for _ in range(1024)]
    return b"".join([*parts, packer.flush()])


BOMB = _bomb()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("metadata/1.root.json", IndexUntrusted),
        ("metadata/timestamp.json", IndexUntrusted),
        ("metadata/1.claims.json", IndexUntrusted),
        ("targets/publishers", IndexUntrusted),
        ("files/", DigestMismatch),
    ],
)
def test_gzip(victim: Victim, path: str, kind: type[TarkError]) -> None:
    victim.server.answers[path] = lambda handler: handler.reply(200, BOMB, {"content-encoding": "gzip"})
    tracemalloc.start()
    try:
        victim.meets(kind, ask=victim.installs if path == "files/" else victim.looks)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()


def test_gzip_in_gzip(victim: Victim) -> None:
    """Decompressed once, it is not metadata."""
    inner = gzip.compress(b"{}")
    victim.server.answers["metadata/timestamp.json"] = lambda handler: handler.reply(
        200, gzip.compress(inner), {"content-encoding": "gzip"}
    )
    victim.meets(IndexUntrusted, "not strict JSON")
