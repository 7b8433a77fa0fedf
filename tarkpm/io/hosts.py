"""Compare hosts as what they are: addresses as addresses, names without case and final dot. Pure."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address(host: str) -> Address | None:
    """Return the address that ``host`` is, with or without brackets; None for a name.

    An IPv4 address that is written as IPv6 (RFC 4291, 2.5.5.2) is that IPv4 address.

    >>> address("[2001:DB8:0::5]"), address("::ffff:10.0.0.1"), address("example.com")
    (IPv6Address('2001:db8::5'), IPv4Address('10.0.0.1'), None)
    """
    try:
        found = ipaddress.ip_address(host.removesuffix(".").removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def name(host: str) -> str:
    """Return a name as it is compared: a final dot only says that it is complete (RFC 1034, 3.1)."""
    return host.lower().removesuffix(".")


def is_same(one: str, other: str) -> bool:
    """Return whether two texts name the same host; nothing is looked up."""
    found = address(one)
    return found == address(other) if found else name(one) == name(other)
