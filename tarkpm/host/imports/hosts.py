"""The hosts that a plugin may connect to, and their allowed addresses.

There are two checks: `Hosts.check` for a URL, before anything is sent, and `Hosts.resolve`, which returns the
only addresses that the HTTP client may connect to. A name is looked up once, and all its addresses are
checked. The connection uses those addresses, so a later change of the name (DNS rebinding) has no effect.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable
from typing import Final

from tarkpm.core.asked import serving
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.scope import PRIVATE
from tarkpm.core.urls import RequestTarget
from tarkpm.errors import Refused
from tarkpm.host.imports.addresses import AddressKind, kind_of
from tarkpm.io.http import lookup
from tarkpm.io.proxies import is_loopback

LOOPBACK: Final = ("127.0.0.1", "::1")
_NEARBY: Final[frozenset[AddressKind]] = frozenset({"public", "private", "loopback"})
"""Kinds of address that ``private:HOST`` allows.

Others, such as link-local with the metadata services of clouds, need a grant of the exact address.
"""

_NOTES: Final = 20
_LACKED: Final = 20
"""Different hosts that are counted: a plugin could ask for ever new ones."""


class NotGranted(Refused):
    """Refused because it is not granted, and not because of a server's answer."""


class Hosts:
    """The http capabilities of a plugin. ``report`` is called once for each refused host.

    ``lacked`` counts the refusals that a grant would have prevented, by that grant, and ``used`` the requests
    that a granted capability allowed, by that capability.
    """

    def __init__(self, granted: CapabilitySet, report: Callable[[str], None]) -> None:
        self._granted = [capability for capability in granted if capability.kind == "http"]
        self._report = report
        self._told: set[str] = set()
        self.lacked: Counter[Capability] = Counter()
        self.used: Counter[Capability] = Counter()

    def check(self, target: RequestTarget) -> None:
        """Raise `NotGranted` for a host that is not granted, and for plain http to another machine."""
        # Granted or not: what is sent over plain http can be read and changed on the way.
        if target.scheme == "http" and not is_loopback(target.host):
            raise NotGranted("http is neither encrypted nor authenticated; use https", where=target.origin)
        allowed = serving(self._granted, Capability("http", target.scope))
        if allowed is None:
            self._lack(target.scope)
            self._tell(f"asked for {target.origin}, which is not granted")
            raise NotGranted("is not granted to this plugin", where=target.origin)
        self.used[allowed] += 1

    def resolve(self, host: str, port: int, deadline: float) -> list[str]:
        """Return the addresses to connect to. Raises `NotGranted` if one of them is not allowed."""
        scope = RequestTarget("https", host, port, "/").scope
        if not self._may(scope):
            raise NotGranted("is not granted to this plugin", where=scope)
        # Not looked up: a resolver could answer with another address (RFC 6761, 6.3).
        if host == "localhost":
            return list(LOOPBACK)
        if _is_address(host):
            return [host]  # this exact address was granted: a pattern never covers an address
        is_private = _covered(self._granted, PRIVATE + scope)
        addresses = lookup(host, port, deadline)
        # One bad address refuses them all: the client may fall back to any of them.
        for address in addresses:
            kind = kind_of(address)
            if kind != "public" and not (is_private and kind in _NEARBY):
                if kind in _NEARBY:
                    self._lack(PRIVATE + scope)
                self._tell(
                    f"may not reach {host}: it is at {address}, a {kind} address"
                    + (f"; http:{PRIVATE}{scope} would allow it" if kind in _NEARBY else "")
                )
                raise NotGranted(f"is at a {kind} address, which is not granted", where=host)
        return addresses

    def _may(self, scope: str) -> bool:
        return _covered(self._granted, scope) or _covered(self._granted, PRIVATE + scope)

    def _lack(self, scope: str) -> None:
        wanted = Capability("http", scope)
        if wanted in self.lacked or len(self.lacked) < _LACKED:
            self.lacked[wanted] += 1

    def _tell(self, message: str) -> None:
        if message not in self._told and len(self._told) < _NOTES:
            self._told.add(message)
            self._report(message)


def _covered(granted: list[Capability], scope: str) -> bool:
    return any(capability.covers(Capability("http", scope)) for capability in granted)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
