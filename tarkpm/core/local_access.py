"""Who may use a server on this machine's loopback: its address, and the headers of a request. Pure.

Any web page that is open in a browser can send requests to loopback, and any program of this machine too.
"""

import hmac
import ipaddress
from collections.abc import Sequence
from typing import Final

import msgspec

MIN_TOKEN: Final = 16
MAX_TOKEN: Final = 256

Pairs = Sequence[tuple[str, str]]
"""Headers, with names in lower case."""


class LoopbackAddress(msgspec.Struct, frozen=True):
    """An address of this machine alone. Port 0 is any free port."""

    host: str
    port: int

    @property
    def shown_host(self) -> str:
        """Return the host as it is written in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host


def read_address(text: str) -> LoopbackAddress:
    """Read ``127.0.0.1:PORT``, ``[::1]:PORT``, ``localhost:PORT`` or ``PORT``. Raises `ValueError`.

    >>> read_address("localhost:8080") == read_address("8080")
    True
    >>> read_address("8080")
    LoopbackAddress(host='127.0.0.1', port=8080)
    """
    text = f"localhost:{text}" if text.isascii() and text.isdecimal() else text
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        raise ValueError(f"expected an address like 127.0.0.1:8080, found '{text}'")
    try:
        address = ipaddress.ip_address("127.0.0.1" if bare == "localhost" else bare)
    except ValueError:
        raise ValueError(f"expected an address of this machine like 127.0.0.1, found '{host}'") from None
    # Other machines could use every sign-in and key of the plugins, over a plain connection.
    if not address.is_loopback or (address.version == 6) != host.startswith("["):
        raise ValueError(f"expected an address of this machine like 127.0.0.1, found '{host}'")
    return LoopbackAddress(str(address), int(port))


def check_token(token: str) -> None:
    """Raise `ValueError` for a token that is guessed easily or cannot be sent in a header (RFC 6750, 2.1)."""
    if not MIN_TOKEN <= len(token) <= MAX_TOKEN:
        raise ValueError(f"expected {MIN_TOKEN} to {MAX_TOKEN} characters, found {len(token)}")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("expected visible ASCII characters only, found others")


def is_addressed(headers: Pairs, address: LoopbackAddress) -> bool:
    """Return whether a request was sent to this server by its own name.

    A web page whose name its owner lets resolve to 127.0.0.1 is of the same origin as this server, for the
    browser; only the ``Host`` header still has the page's name (DNS rebinding).
    """
    hosts = (
        {address.shown_host, "localhost"} if address.host in ("127.0.0.1", "::1") else {address.shown_host}
    )
    named = [value.lower() for name, value in headers if name == "host"]
    return len(named) == 1 and named[0] in {f"{host}:{address.port}" for host in hosts}


def is_of_a_page(headers: Pairs) -> bool:
    """Return whether a web page sent a request: browsers add these headers, and a page cannot remove them.

    Sources: Fetch, 3.2 (``Origin``), Fetch Metadata, 2.3 (``Sec-Fetch-Site``).
    """
    return any(name == "origin" or (name == "sec-fetch-site" and value != "none") for name, value in headers)


def is_of_another_page(headers: Pairs, address: LoopbackAddress) -> bool:
    """Return whether a web page of another origin than this server sent a request.

    MCP clients may send the server's own origin (MCP 2025-11-25, transports, security warning). An opaque
    origin, ``null``, is anybody's: a sandboxed frame has it.
    """
    own = {f"http://{host}:{address.port}" for host in (address.shown_host, "localhost")}
    origins = [value for name, value in headers if name == "origin"]
    sites = {value for name, value in headers if name == "sec-fetch-site"}
    return len(origins) > 1 or not own.issuperset(origins) or not sites <= {"none", "same-origin"}


def has_token(headers: Pairs, token: str) -> bool:
    """Return whether a request has exactly this bearer token (RFC 6750, 2.1)."""
    given = [value for name, value in headers if name == "authorization"]
    if len(given) != 1:
        return False
    scheme, _, text = given[0].partition(" ")
    # In constant time: a local program can try many, and could otherwise find one character after another.
    return scheme.lower() == "bearer" and hmac.compare_digest(text.strip().encode(), token.encode())
