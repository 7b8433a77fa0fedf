"""What client and transport of HTTP both speak of: limits, headers, and the addresses of a host."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

ACCEPTED: Final = "gzip, deflate"
"""Content codings that an answer may have."""

Headers = Sequence[tuple[str, str]]
Resolve = Callable[[str, int, float], Sequence[str]]
"""The addresses a connection to this host and port may be made to, in order, by this deadline."""


class RequestLimits(msgspec.Struct, frozen=True):
    """Of one request. Seconds; bytes."""

    connect: float = 10.0
    """To have a connection, TLS included."""
    stall: float = 30.0
    """Without a byte in either direction."""
    total: float = 30.0
    """From the first packet to the last, whatever deadline is given."""
    body: int = 8 << 20
    """Of the answer, after it is decompressed."""
    headers: int = 64 << 10
    """Of the answer, names and values."""


USUAL: Final = RequestLimits()
