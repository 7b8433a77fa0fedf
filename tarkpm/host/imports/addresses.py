"""Classification of IP addresses. Pure.

An address that embeds another one (IPv4-mapped, 6to4, Teredo, NAT64) leads there, so it has the kind of the
embedded address. An address that is not known to be public is treated as not public. The IANA special-purpose
registries (RFC 6890) are written out here, because `ipaddress.is_global` differs between Python versions and
calls the NAT64 form of loopback global.
"""

import ipaddress
from collections.abc import Iterator
from typing import Final, Literal

AddressKind = Literal["public", "private", "loopback", "link-local", "multicast", "reserved", "unspecified"]
_V4 = ipaddress.IPv4Address
_V6 = ipaddress.IPv6Address

_V4_KINDS: Final[tuple[tuple[str, AddressKind], ...]] = (
    ("0.0.0.0/32", "unspecified"),
    ("0.0.0.0/8", "reserved"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "private"),  # carrier-grade NAT (RFC 6598), also used by Tailscale
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),  # includes the metadata service of most clouds
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "reserved"),
    ("198.51.100.0/24", "reserved"),
    ("203.0.113.0/24", "reserved"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
_V6_KINDS: Final[tuple[tuple[str, AddressKind], ...]] = (
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),  # site-local: deprecated (RFC 3879), but still routed in places
    ("ff00::/8", "multicast"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "reserved"),
    ("3fff::/20", "reserved"),
    ("2000::/3", "public"),
)
_NETWORKS: Final = [(ipaddress.ip_network(text), kind) for text, kind in _V4_KINDS + _V6_KINDS]

_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def kind_of(text: str) -> AddressKind:
    """Return the kind of an address, or the first non-public kind of the addresses embedded in it.

    >>> kind_of("64:ff9b::7f00:1")
    'loopback'

    Raises `ValueError` if ``text`` is not an address.
    """
    address = ipaddress.ip_address(text)
    inside = list(_inside(address)) if isinstance(address, _V6) else []
    kinds = [_plain(inner) for inner in inside] or [_plain(address)]
    return next((kind for kind in kinds if kind != "public"), "public")


def _inside(address: _V6) -> Iterator[_V4]:
    """Yield the IPv4 addresses that packets to ``address`` can reach."""
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    elif address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1):
        yield _V4(int(address) & 0xFFFFFFFF)


def _plain(address: _V4 | _V6) -> AddressKind:
    for network, kind in _NETWORKS:
        if address.version == network.version and address in network:
            return kind
    return "public" if address.version == 4 else "reserved"
