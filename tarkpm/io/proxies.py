"""Choose the proxy of a request. Pure: the command line passes the environment in."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from tarkpm.core.patterns import lazy_pattern
from tarkpm.errors import Refused
from tarkpm.io import hosts

_WITH_PORT = lazy_pattern(r"(?P<host>\[[^\]]*\]|[^:\[\]]+):(?P<port>[0-9]{1,5})")
"""An IPv6 address needs brackets before a port (RFC 3986, 3.2.2)."""


_HOST = lazy_pattern(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
"""A name or an address. A library that is given anything else says so in its own words, or hangs."""


_HTTPS: Final = ("https_proxy", "HTTPS_PROXY")
_HTTP: Final = ("http_proxy",)
_BOTH: Final = ("all_proxy", "ALL_PROXY")
_BYPASS: Final = ("no_proxy", "NO_PROXY")


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

        https, http, both, bypass = (
            environment.get(_first(environment, names), "") for names in (_HTTPS, _HTTP, _BOTH, _BYPASS)
        )
        return cls(https or both, http or both, tuple(_entries(bypass)))

    def find(self, scheme: str, host: str, port: int) -> str:
        """Return the proxy to use, or "". Requests to this machine never use a proxy."""
        if is_loopback(host) or any(_bypasses(entry, host, port) for entry in self.bypass):
            return ""
        return self.https if scheme == "https" else self.http


def _first(environment: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the first of some variables that has a value; "" if none has."""
    return next((name for name in names if environment.get(name)), "")


def _entries(text: str) -> list[str]:
    return text.replace(",", " ").lower().split()


def variables_of(environment: Mapping[str, str]) -> list[str]:
    """Return the variables from which `Proxies.read` takes a proxy, without those of `NO_PROXY`."""
    return [name for names in (_HTTPS, _HTTP, _BOTH) if (name := _first(environment, names))]


def malformed_bypass(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the variable and the entry for each entry of ``NO_PROXY`` that no host can match.

    Requests ignore such entries, as curl does: the variable is shared with programs that know other forms
    (docs/decisions/0192).
    """
    name = _first(environment, _BYPASS)
    return [(name, entry) for entry in _entries(environment.get(name, "")) if not _is_entry(entry)]


def _is_entry(entry: str) -> bool:
    if "/" in entry:
        return _network(entry) is not None
    if (ends_in_port := _WITH_PORT.fullmatch(entry)) and 0 < int(ends_in_port["port"]) < 65536:
        entry = ends_in_port["host"]
    name = entry.removeprefix("*").lstrip(".")
    return entry == "*" or hosts.address(entry) is not None or bool(name and not set(":[]*@") & set(name))


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


VARIABLES: Final = "https_proxy, http_proxy or all_proxy"
LOOK: Final = "see which proxies are set: env | grep -i _proxy"


def split_proxy(text: str) -> Proxy:
    """Read a proxy URL; raises `Refused`, whose text never contains the password."""
    shown = text.rpartition("@")[2][:80]
    refused = Refused(f"expected a proxy like http://host:3128, found '{shown}'", where=VARIABLES, hint=LOOK)
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refused from None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise refused
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username), unquote(parts.password or ""))
    host = f"[{host}]" if ":" in host else host
    return Proxy(f"{parts.scheme}://{host}" + (f":{port}" if port else ""), auth)


def _bypasses(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of NO_PROXY matches.

    It is ``*``, a domain with its subdomains, an address or a network (CIDR). A port behind it restricts it
    to that port.
    """
    found = hosts.address(host)
    if "/" in entry:
        return found is not None and _contains(entry, found)
    if ends_in_port := _WITH_PORT.fullmatch(entry):
        if int(ends_in_port["port"]) != port:
            return False
        entry = ends_in_port["host"]
    if entry == "*":
        return True
    if found is not None:
        return hosts.address(entry) == found
    wanted, asked = hosts.name(entry.removeprefix("*").lstrip(".")), hosts.name(host)
    return bool(wanted) and (asked == wanted or asked.endswith("." + wanted))


def _contains(entry: str, found: hosts.Address) -> bool:
    network = _network(entry)
    return network is not None and found in network


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None
