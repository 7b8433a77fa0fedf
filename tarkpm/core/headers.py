"""Names of request headers that only tarkpm sets. Pure."""

from typing import Final

from tarkpm.core.patterns import lazy_pattern

FRAMING: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
"""Headers that frame a request or name its host.

A plugin that sets these could smuggle a second request into the first (RFC 9112, 11.2).
"""

NAME: Final = lazy_pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
"""A header name: a token of RFC 9110, section 5.6.2."""


def is_framing(name: str) -> bool:
    """Return whether a header, in lower case, belongs to the connection and not to the request."""
    return name in FRAMING or name.startswith("proxy-")
