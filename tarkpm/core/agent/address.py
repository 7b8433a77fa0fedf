"""The address of a server on loopback, as typed."""

import ipaddress

DEFAULT = "127.0.0.1"


def loopback(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT``, ``HOST`` or ``PORT``; the port is 0 if none is given. Raises `ValueError`.

    Only loopback addresses are accepted: tools of this machine are not for its network.

    >>> loopback("127.0.0.1:8080"), loopback("8080"), loopback("[::1]")
    (('127.0.0.1', 8080), ('127.0.0.1', 8080), ('::1', 0))
    """
    host, port = _split(text)
    try:
        # As clients spell it in a URL and in the Host header: 0:0:0:0:0:0:0:1 is ::1 there (RFC 5952).
        address = ipaddress.ip_address(DEFAULT if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback or "%" in host:
        raise ValueError(f"expected a loopback address such as 127.0.0.1:8080, found '{text[:80]}'")
    if not port.isascii() or not port.isdecimal() or len(port) > 5 or int(port) > 65_535:
        raise ValueError(f"expected a port from 0 to 65535, found '{port[:40]}'")
    return str(address), int(port)


def _split(text: str) -> tuple[str, str]:
    if text.isdecimal():
        return DEFAULT, text
    if text.startswith("[") and "]" in text:
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":") or "0"
    host, _, port = text.partition(":")
    return host, port or "0"
