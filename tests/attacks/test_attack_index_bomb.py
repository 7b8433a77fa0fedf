"""A server whose small answers inflate to a gigabyte."""

import functools
import gzip
import struct
import tracemalloc
import zlib

import pytest
from support.index_fixtures import Victim

from tarkpm.errors import DigestMismatch, IndexUntrusted, TarkError

MIB = 1 << 20


@functools.cache
def _bomb() -> bytes:
    """A gigabyte of spaces as gzip (RFC 1952): a mebibyte is compressed once, and its blocks are repeated."""
    mebibyte, packer = b" " * MIB, zlib.compressobj(9, zlib.DEFLATED, -15)
    blocks = packer.compress(mebibyte) + packer.flush(zlib.Z_FULL_FLUSH)  # refers to nothing before it
    checksum = 0
    for _ in range(1024):
        checksum = zlib.crc32(mebibyte, checksum)
    header, last_block = b"\x1f\x8b\x08\0\0\0\0\0\2\xff", b"\3\0"
    return header + blocks * 1024 + last_block + struct.pack("<II", checksum, 1024 * MIB)


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
    victim.server.answers[path] = lambda handler: handler.reply(200, _bomb(), {"content-encoding": "gzip"})
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
