"""Choose the proxy of a request. Pure: the command line passes the environment in."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from tarkpm.errors import Refused


class Proxies(msgspec.Struct, frozen=True):
    """The proxy of each scheme, and the hosts to connect to directly. Proxy URLs may contain a password."""

    https: str = ""
    http: str = ""
    bypass: tuple[str, ...] = ()

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Proxies":
        """Read the usual variables, lower case first.

        ``HTTP_PROXY`` is ignored: in a CGI program, a client can set it (https://httpoxy.org).
        """

        def first(*names: str) -> str:
            return next((environment[name] for name in names if environment.get(name)), "")

        both = first("all_proxy", "ALL_PROXY")
        bypass = first("no_proxy", "NO_PROXY").replace(",", " ").lower().split()
        return cls(first("https_proxy", "HTTPS_PROXY") or both, first("http_proxy") or both, tuple(bypass))

    def find(self, scheme: str, host: str, port: int) -> str:
        """Return the proxy to use, or "". Requests to this machine never use a proxy."""
        if is_loopback(host) or any(_bypasses(entry, host, port) for entry in self.bypass):
            return ""
        return self.https if scheme == "https" else self.http


def is_loopback(host: str) -> bool:
    """Return whether the text ``host`` is a loopback address or "localhost"; nothing is looked up."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


DIRECT = Proxies()
"""No proxy at all."""


class Proxy(msgspec.Struct, frozen=True):
    """A proxy's address, and its user's name and password."""

    url: str
    auth: tuple[str, str] | None


def split_proxy(text: str) -> Proxy:
    """Read a proxy URL; raises `Refused`, whose text never contains the password."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("expected a proxy like http://host:3128") from None
    if parts.scheme not in ("http", "https") or not host:
        raise Refused(f"expected a proxy like http://host:3128, found scheme '{parts.scheme}'")
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username), unquote(parts.password or ""))
    host = f"[{host}]" if ":" in host else host
    return Proxy(f"{parts.scheme}://{host}" + (f":{port}" if port else ""), auth)


def _bypasses(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of NO_PROXY matches: ``*``, a domain with its subdomains, or a network."""
    if "/" in entry:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (name.endswith("]") or ":" not in name):
        if int(wanted) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".")
    return entry in ("", host) or host.endswith("." + entry)
