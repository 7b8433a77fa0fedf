"""Types shared by the HTTP client and its transport: limits, headers, and the resolver of hosts."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

ACCEPTED: Final = "gzip, deflate"
"""Content codings accepted in a response (RFC 9110, 8.4.1)."""

Headers = Sequence[tuple[str, str]]
Resolve = Callable[[str, int, float], Sequence[str]]
"""Return the addresses to which (host, port) may be connected, in order, by a deadline (`time.monotonic`)."""


class RequestLimits(msgspec.Struct, frozen=True):
    """The limits of one request, in seconds and bytes."""

    connect: float = 10.0
    """Seconds to connect, including TLS."""
    stall: float = 30.0
    """Seconds without a byte in either direction."""
    total: float = 30.0
    """Seconds from the first packet to the last; an earlier deadline wins."""
    body: int = 8 << 20
    """Bytes of the response body, decompressed."""
    headers: int = 64 << 10
    """Bytes of the response headers, names and values."""


USUAL: Final = RequestLimits()
