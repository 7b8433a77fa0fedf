"""Capabilities: what a plugin may do, as values that can be compared, intersected and shown.

A `Capability` is a kind and, for most kinds, a scope: a host pattern, an environment variable pattern, a
folder, or a file below the user's home. One capability *covers* another if it allows everything that the
other allows. All other operations follow from that relation.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from tarkpm.core import home_path
from tarkpm.core.text import is_legible, short

KINDS: Final = ("storage", "http", "env", "filesystem", "fs_read", "oauth", "credentials", "shell")
PLAIN: Final = frozenset({"storage", "shell"})
"""Kinds without a scope."""
SIGN_IN: Final = frozenset({"oauth", "credentials"})
"""Kinds that a manifest declares in its ``[oauth]`` table. No module imports them: tarkpm signs in itself."""

MEANING: Final = {
    "storage": "store its own data",
    "http": "connect to these hosts",
    "env": "read these environment variables",
    "filesystem": "access these folders of the workspace",
    "fs_read": "read these files of your home folder",
    "oauth": "sign you in at these hosts and receive the tokens",
    "credentials": "also store the tokens in this file",
    "shell": "RUN ANY PROGRAM AS YOU: dangerous",
}

MAX_SCOPES: Final = 64
MAX_TEXT: Final = 1_600
"""The most scopes of one kind, and the most characters in all of them: more cannot be reviewed on a card."""
DEFAULT_PORT: Final = 443
READ_ONLY: Final = ":ro"
PRIVATE: Final = "private:"

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


class Capability(msgspec.Struct, frozen=True, order=True):
    """A permission of a plugin. ``scope`` is empty for `storage` and `shell`."""

    kind: str
    scope: str = ""

    @classmethod
    def parse(cls, text: str) -> "Capability":
        """Read a capability as typed: ``storage``, ``http:api.example.com``, ``filesystem:docs/``.

        Raises `ValueError` with what was expected and found.
        """
        kind, colon, scope = text.partition(":")
        if kind not in KINDS:
            raise ValueError(f"expected one of {', '.join(KINDS)}, found {short(kind)}")
        if kind in PLAIN and colon:
            raise ValueError(f"'{kind}' takes no scope, found {short(text)}")
        if kind not in PLAIN and not scope:
            raise ValueError(f"expected {kind}:SCOPE, found {short(text)}")
        return cls(kind, normalize_scope(kind, scope) if scope else "")

    def __str__(self) -> str:
        return f"{self.kind}:{self.scope}" if self.scope else self.kind

    def meet(self, other: "Capability") -> "Capability | None":
        """Return the capability that both allow, or None.

        Scopes are prefixes or suffixes, so the intersection of two is one scope or empty. The intersection of
        two ``fs_read`` globs is None unless one covers the other, which may allow less than both do.
        """
        if self.kind != other.kind:
            return None
        if self.kind in PLAIN:
            return self
        scope = _MEETS[self.kind](self.scope, other.scope)
        return None if scope is None else Capability(self.kind, scope)

    def covers(self, other: "Capability") -> bool:
        """Return whether ``self`` allows everything that ``other`` allows."""
        return self.meet(other) == other


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
            return str(ipaddress.IPv6Address(host[1:-1])) == host[1:-1]
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
    if _host_covers(host, host2):
        return other
    return one if _host_covers(host2, host) else None


def _host_covers(pattern: str, host: str) -> bool:
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


_MEETS: Final = {
    "http": _meet_host,
    "env": _meet_env,
    "filesystem": _meet_folder,
    "fs_read": home_path.meet,
    "oauth": _meet_equal,
    "credentials": _meet_equal,
}


class CapabilitySet(msgspec.Struct, frozen=True):
    """A sorted set of capabilities, none of which covers another."""

    items: tuple[Capability, ...] = ()

    @classmethod
    def of(cls, capabilities: Iterable[Capability]) -> "CapabilitySet":
        """Return the set that allows exactly what ``capabilities`` allow together."""
        unique = set(capabilities)
        kept = (c for c in unique if not any(d != c and d.covers(c) for d in unique))
        return cls(tuple(sorted(kept, key=lambda c: (KINDS.index(c.kind), c.scope))))

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "CapabilitySet":
        """Read the known keys of a ``[capabilities]`` or ``[grants]`` table.

        Raises `ValueError` with a message that begins with the key.
        """
        return cls.of(capability for kind in KINDS for capability in _read(kind, table.get(kind, False)))

    def to_table(self) -> dict[str, bool | list[str]]:
        """Return the table from which `from_table` reads this set."""
        table: dict[str, bool | list[str]] = {}
        for kind in KINDS:
            scopes = [c.scope for c in self.items if c.kind == kind]
            if scopes:
                table[kind] = True if kind in PLAIN else scopes
        return table

    def __iter__(self) -> Iterator[Capability]:
        return iter(self.items)

    def __bool__(self) -> bool:
        return bool(self.items)

    def __contains__(self, kind: str) -> bool:
        """Return whether the set contains a capability of this kind."""
        return any(c.kind == kind for c in self.items)

    def covers(self, other: "CapabilitySet") -> bool:
        """Return whether this set allows everything that ``other`` allows."""
        return not other.beyond(self)

    def beyond(self, other: "CapabilitySet") -> "CapabilitySet":
        """Return the capabilities of this set that ``other`` does not cover."""
        return CapabilitySet(tuple(c for c in self.items if not any(d.covers(c) for d in other.items)))

    def narrow(self, other: "CapabilitySet") -> "CapabilitySet":
        """Return what both sets allow."""
        return CapabilitySet.of(met for c in self.items for d in other.items if (met := c.meet(d)))

    def union(self, other: "CapabilitySet") -> "CapabilitySet":
        """Return what either set allows."""
        return CapabilitySet.of((*self.items, *other.items))

    def without(self, capability: Capability) -> "CapabilitySet":
        """Return this set without the capabilities that ``capability`` covers."""
        return CapabilitySet(tuple(c for c in self.items if not capability.covers(c)))


def _read(kind: str, value: object) -> list[Capability]:
    if kind in PLAIN:
        if not isinstance(value, bool):
            raise ValueError(f"{kind}: expected true or false, found {short(value)}")
        return [Capability(kind)] if value else []
    if value is False:
        return []
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise ValueError(f"{kind}: expected a list of strings, found {short(value)}")
    # A list that is too long to read on a card would hide the dangerous entry (docs/decisions/0083).
    if len(value) > MAX_SCOPES:
        raise ValueError(f"{kind}: expected at most {MAX_SCOPES} entries, found {len(value)}")
    if (characters := sum(map(len, value))) > MAX_TEXT:
        raise ValueError(
            f"{kind}: expected at most {MAX_TEXT:,} characters, found {characters:,}: too long to be reviewed"
        )
    try:
        return [Capability(kind, normalize_scope(kind, scope)) for scope in value]
    except ValueError as problem:
        raise ValueError(f"{kind}: {problem}") from None
