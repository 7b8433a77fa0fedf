"""What a registry asks for with ``WWW-Authenticate`` (RFC 9110, 11.6.1). Pure.

Registries ask for Basic (RFC 7617) or for a Bearer token that a token server gives out (RFC 6750, and the
"Token Authentication Specification" of CNCF distribution).
"""

import re
from typing import Final, Literal

import msgspec

from tarkpm.core import urls

MAX_HEADER: Final = 8192
"""Characters of the header that are read."""
MAX_SERVICE: Final = 256
"""Characters."""

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PIECE = re.compile(
    rf'[\s,]*(?:(?P<key>{_WORD})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>{_WORD}))'
    rf"|(?P<scheme>{_WORD}))"
)


class Challenge(msgspec.Struct, frozen=True):
    """A way to sign in. ``realm`` is the URL of the token server, and ``service`` what to call the registry.

    Both are "" for Basic.
    """

    scheme: Literal["bearer", "basic"]
    realm: str = ""
    service: str = ""


def read_challenge(header: str) -> Challenge | None:
    """Return the best way to sign in that a header offers: Bearer before Basic; None for neither.

    A token is good for one repository and a few minutes, so Basic is taken only where there is no other way.

    >>> read_challenge('Bearer realm="https://auth.example/token",service="registry"').realm
    'https://auth.example/token'
    """
    offered = _offered(header[:MAX_HEADER])
    if (bearer := offered.get("bearer")) and bearer.get("realm"):
        return Challenge("bearer", bearer["realm"], bearer.get("service", "")[:MAX_SERVICE])
    return Challenge("basic") if "basic" in offered else None


def _offered(header: str) -> dict[str, dict[str, str]]:
    """Return the parameters of each scheme; the first of a name counts."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    at = 0
    while piece := _PIECE.match(header, at):
        at = piece.end()
        if piece["scheme"]:
            current = found.setdefault(piece["scheme"].lower(), {})
        else:
            quoted = piece["quoted"]
            value = piece["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            current.setdefault(piece["key"].lower(), value)
    return found


def token_server(
    challenge: Challenge, registry: urls.RequestTarget, *, is_loopback: bool
) -> urls.RequestTarget:
    """Return the token server of a registry. Raises `ValueError` for one that may not have the login.

    ``is_loopback`` says whether the realm's host is this machine.
    """
    realm = urls.parse(challenge.realm)
    # A login that is sent to the registry encrypted must not be sent on in the clear.
    if realm.scheme != "https" and (registry.scheme == "https" or not is_loopback):
        raise ValueError("the registry asks to send the login to a token server without https")
    return realm
