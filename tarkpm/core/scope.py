"""Scopes of capabilities: their canonical form, and the intersection of two (docs/trust-rules.md, rule 6)."""

from typing import TYPE_CHECKING, Final

from tarkpm.core import home_path, secret
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.text import is_legible, short

if TYPE_CHECKING:
    import ipaddress

DEFAULT_PORT: Final = 443
READ_ONLY: Final = ":ro"
PRIVATE: Final = "private:"

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = lazy_pattern(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_ENV = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*\*?")
_AUTHORITY = lazy_pattern(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


def normalize_scope(kind: str, scope: str) -> str:
    """Return the canonical form of a scope. Raises `ValueError` if it is malformed or too wide."""
    match kind:
        case "http":
            return _normalize_host(scope)
        case "env":
            if not _ENV.fullmatch(scope):
                raise ValueError(f"expected a variable name or PREFIX_*, found {short(scope)}")
            return scope
        case "filesystem":
            return _normalize_folder(scope)
        case "fs_read":
            return home_path.normalize(scope)
        case "oauth":
            return _normalize_endpoint(scope)
        case "credentials":
            return home_path.normalize_credentials(scope)
        case "secret":
            return str(secret.Secret.parse(scope))
    raise ValueError(f"'{kind}' takes no scope")


def _normalize_host(text: str) -> str:
    """Normalize ``host``, ``*.host`` or an address, each with an optional port and ``private:`` prefix."""
    private = PRIVATE if text.startswith(PRIVATE) else ""
    match = _AUTHORITY.fullmatch(text.removeprefix(private).lower())
    if match is None or not _is_host(match["host"]):
        raise ValueError(
            f"expected a host like api.example.com, *.example.com or host:8080, found {short(text)}"
        )
    port = int(match["port"] or DEFAULT_PORT)
    if not 0 < port < 65536:
        raise ValueError(f"expected a port from 1 to 65535, found {short(text)}")
    return private + match["host"] + (f":{port}" if match["port"] and port != DEFAULT_PORT else "")


def _normalize_endpoint(text: str) -> str:
    """Normalize one host, as for http. A pattern would let an update move the sign-in to another host."""
    if "*" in text or text.startswith(PRIVATE):
        raise ValueError(f"expected one host like auth.example.com, found {short(text)}")
    return _normalize_host(text)


def _is_host(host: str) -> bool:
    import ipaddress

    if host.startswith("["):
        try:
            return _address_text(ipaddress.IPv6Address(host[1:-1])) == host[1:-1]
        except ValueError:
            return False
    last = host.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):  # resolvers read it as an IPv4 address (WHATWG URL, 3.5)
        try:
            return str(ipaddress.IPv4Address(host)) == host
        except ValueError:
            return False
    # RFC 1035, section 2.3.4: 255 octets on the wire are at most 253 characters.
    return len(host) <= 253 and _HOST.fullmatch(host) is not None


def _address_text(address: "ipaddress.IPv6Address") -> str:
    """Return an address as the URL Standard writes it (3.5, "IPv6 serializer").

    Python 3.13 began to write an IPv4-mapped address with dots, and a scope must not depend on that.
    """
    mapped = address.ipv4_mapped
    if mapped is None:
        return str(address)
    return f"::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xFFFF:x}"


def _normalize_folder(text: str) -> str:
    """Normalize a path inside the workspace; a trailing slash means a folder, ``:ro`` read-only."""
    mode = READ_ONLY if text.endswith(READ_ONLY) else ""
    path = text.removesuffix(READ_ONLY).removeprefix("./")
    parts = path.removesuffix("/").split("/")
    # A name that is not legible could look like another folder on a card.
    bad = any(part in ("", ".", "..") or not is_legible(part) or set(part) & set("\\:*?~$") for part in parts)
    if bad:
        raise ValueError(
            f"expected a folder inside the workspace like docs/ or notes/:ro, found {short(text)}"
        )
    return path + mode


def split_host(scope: str) -> tuple[str, int]:
    """Split a host scope into (host pattern, port)."""
    match = _AUTHORITY.fullmatch(scope.removeprefix(PRIVATE))
    assert match is not None, scope
    return match["host"], int(match["port"] or DEFAULT_PORT)


def _meet_host(one: str, other: str) -> str | None:
    # A name that resolves to a private address needs `private:`, so neither form covers the other.
    if one.startswith(PRIVATE) != other.startswith(PRIVATE):
        return None
    (host, port), (host2, port2) = split_host(one), split_host(other)
    if port != port2:
        return None
    if host_covers(host, host2):
        return other
    return one if host_covers(host2, host) else None


def host_covers(pattern: str, host: str) -> bool:
    """Return whether ``pattern``, a host or ``*.host``, covers another one; neither has a port."""
    if not pattern.startswith("*."):
        return pattern == host
    # "*.example.com" includes example.com itself, unlike a wildcard certificate (RFC 9525, section 6.3).
    base = pattern[2:]
    return host in (pattern, base) or host.endswith("." + base)


def _meet_env(one: str, other: str) -> str | None:
    if _env_covers(one, other):
        return other
    return one if _env_covers(other, one) else None


def _env_covers(pattern: str, name: str) -> bool:
    return pattern == name or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def _meet_folder(one: str, other: str) -> str | None:
    # Read-only wins: the intersection must not allow what one of the two does not.
    mode = READ_ONLY if READ_ONLY in one + other else ""
    path, path2 = one.removesuffix(READ_ONLY), other.removesuffix(READ_ONLY)
    if _folder_covers(path, path2):
        return path2 + mode
    return path + mode if _folder_covers(path2, path) else None


def _folder_covers(folder: str, path: str) -> bool:
    return folder == path or (folder.endswith("/") and path.startswith(folder))


def _meet_equal(one: str, other: str) -> str | None:
    return one if one == other else None


MEETS: Final = {
    "http": _meet_host,
    "env": _meet_env,
    "filesystem": _meet_folder,
    "fs_read": home_path.meet,
    "oauth": _meet_equal,
    "credentials": _meet_equal,
    "secret": secret.meet,
}
"""How to intersect two scopes of a kind: the scope that both allow, or None."""
