"""Parse the URLs that plugins request, and refuse all that are ambiguous. No I/O.

If two parsers read a URL differently, a check can pass for one host while the request is sent to another. So
a host is ASCII or an address in canonical form, an authority has no user and no ``%``, and a URL contains no
backslash, control character or space.
"""

from typing import Final
from urllib.parse import quote, urljoin

import msgspec

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.scope import DEFAULT_PORT, normalize_scope

MAX_URL: Final = 8192
"""In characters."""

PORTS: Final = {"https": 443, "http": 80}
_URL = lazy_pattern(r"(?P<scheme>[A-Za-z]{1,16})://(?P<authority>[^/?#]*)(?P<rest>[^#]*)(?P<fragment>#.*)?")
_AUTHORITY = lazy_pattern(
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z_](?:[0-9A-Za-z._-]*[0-9A-Za-z_])?)(?::(?P<port>[0-9]{1,5}))?"
)
_BAD_ESCAPE = lazy_pattern(r"%(?![0-9A-Fa-f]{2})")
# Some parsers read these as relative, others as absolute.
_ODD_LOCATION = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]*:(?!//)|///")
_LEGAL = "/?:@!$&'()*+,;=-._~%[]|"


class RequestTarget(msgspec.Struct, frozen=True):
    """The target of a request. ``host`` has no brackets; ``path`` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def scope(self) -> str:
        """Host and port as in a capability, without the default port 443."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORT else f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        """Host and port for the ``Host`` header, without the scheme's default (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port. Credentials are sent to one origin only (RFC 6454)."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole URL, without a fragment."""
        return self.origin + self.path


def parse(text: str) -> RequestTarget:
    """Read an absolute http or https URL. Raises `ValueError` with what was expected."""
    return _parse(text, fragment=False)


def redirected(current: RequestTarget, location: str) -> RequestTarget:
    """Resolve a ``Location`` header (RFC 9110, section 10.2.2).

    Raises `ValueError` if it is ambiguous or leaves https.
    """
    _check_text(location)
    if _ODD_LOCATION.match(location):
        raise ValueError("expected the Location of a redirect to be a URL or a path")
    target = _parse(urljoin(current.url, location), fragment=True)
    # Otherwise a server could have the request and its headers sent in the clear.
    if current.scheme == "https" and target.scheme != "https":
        raise ValueError("a redirect must not leave https")
    return target


def _parse(text: str, *, fragment: bool) -> RequestTarget:
    _check_text(text)
    found = _URL.fullmatch(text)
    scheme = found["scheme"].lower() if found else ""
    if found is None or scheme not in PORTS:
        raise ValueError("expected a URL like https://host/path")
    if found["fragment"] is not None and not fragment:
        raise ValueError("a URL with a fragment ('#') is not accepted")
    host, port = _place(found["authority"], PORTS[scheme])
    rest = found["rest"]
    if _BAD_ESCAPE.search(rest):
        raise ValueError("expected two hexadecimal digits after each '%' of the URL")
    # A request target is ASCII (RFC 9112, section 3.2); all other characters are percent-encoded.
    path = quote(rest if rest.startswith("/") else "/" + rest, safe=_LEGAL)
    if len(path) > MAX_URL:
        raise ValueError(f"the URL is longer than {MAX_URL:,} characters")
    return RequestTarget(scheme, host, port, path)


def _place(authority: str, default: int) -> tuple[str, int]:
    """Split an authority into host and port. Hosts follow the rules of capabilities, without wildcards."""
    if "@" in authority:
        raise ValueError("a URL with a user name or password is not accepted")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise ValueError("expected a host in ASCII (xn--… for others), optionally with a port")
    port = int(found["port"] or default)
    try:
        normalize_scope("http", f"{found['host']}:{port}")
    except ValueError:
        raise ValueError(
            "expected a host name or an address in canonical form, optionally with a port"
        ) from None
    return found["host"].lower().strip("[]"), port


def _check_text(text: str) -> None:
    if len(text) > MAX_URL:
        raise ValueError(f"the URL is longer than {MAX_URL:,} characters")
    if " " in text or "\\" in text or not text.isprintable():  # no other blank is printable
        raise ValueError("a URL with a space, a backslash or an invisible character is not accepted")
