"""The hosts and addresses that a plugin may talk to.

Two checks: `Hosts.check` for a URL, before anything is sent, and `Hosts.resolve`, which hands the HTTP client
the only addresses it will connect to. A name is looked up once and all its addresses are looked at; a
name that changes its mind afterwards (DNS rebinding) is not asked again.
"""

import ipaddress
from collections.abc import Callable
from typing import Final

from tarkpm.core.capability import PRIVATE, Capability, CapabilitySet
from tarkpm.core.urls import RequestTarget
from tarkpm.errors import Refused
from tarkpm.host.imports.addresses import AddressKind, kind_of
from tarkpm.io.http import lookup
from tarkpm.io.proxies import is_loopback

LOOPBACK: Final = ("127.0.0.1", "::1")
_NEARBY: Final[frozenset[AddressKind]] = frozenset({"public", "private", "loopback"})
"""What ``private:HOST`` opens. The others (link-local has the metadata of clouds) take that very address."""

_NOTES: Final = 20


class NotGranted(Refused):
    """Refused because the user has not allowed it, and not because of what a server said."""


class Hosts:
    """The http part of a grant. ``report`` is told what was refused, each thing once."""

    def __init__(self, granted: CapabilitySet, report: Callable[[str], None]) -> None:
        self._granted = [capability for capability in granted if capability.kind == "http"]
        self._report = report
        self._told: set[str] = set()

    def check(self, target: RequestTarget) -> None:
        """Raises `NotGranted` for what was not granted, and for plain http to any machine but this."""
        if target.scheme == "http" and not is_loopback(target.host):
            raise NotGranted("http is neither encrypted nor authenticated; use https", where=target.origin)
        if not self._may(target.scope):
            self._tell(f"asked for {target.origin}, which is not granted")
            raise NotGranted("is not granted to this plugin", where=target.origin)

    def resolve(self, host: str, port: int, deadline: float) -> list[str]:
        """The addresses to connect to. Raises `NotGranted` if the host has one that it must not have here."""
        scope = RequestTarget("https", host, port, "/").scope
        if not self._may(scope):
            raise NotGranted("is not granted to this plugin", where=scope)
        if host == "localhost":
            return list(LOOPBACK)
        if _is_address(host):
            return [host]  # that very address was granted: a pattern never covers one
        is_private = _covered(self._granted, PRIVATE + scope)
        addresses = lookup(host, port, deadline)
        for address in addresses:
            kind = kind_of(address)
            if kind != "public" and not (is_private and kind in _NEARBY):
                self._tell(
                    f"may not reach {host}: it is at {address}, a {kind} address"
                    + (f"; http:{PRIVATE}{scope} would allow it" if kind in _NEARBY else "")
                )
                raise NotGranted(f"is at a {kind} address, which is not granted", where=host)
        return addresses

    def _may(self, scope: str) -> bool:
        return _covered(self._granted, scope) or _covered(self._granted, PRIVATE + scope)

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
