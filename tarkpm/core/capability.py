"""Capabilities: what a plugin may do, as values that can be compared, intersected and shown.

A `Capability` is a kind and, for most kinds, a scope: a host pattern, an environment variable pattern, a
folder, or a file below the user's home. One capability *covers* another if it allows everything that the
other allows. All other operations follow from that relation.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from tarkpm.core.scope import MEETS, normalize_scope
from tarkpm.core.secret import Secret
from tarkpm.core.text import short

KINDS: Final = ("storage", "http", "env", "filesystem", "fs_read", "oauth", "credentials", "secret", "shell")
PLAIN: Final = frozenset({"storage", "shell"})
"""Kinds without a scope."""
OWN_TABLE: Final = frozenset({"oauth", "credentials", "secret"})
"""Kinds that a manifest declares in its ``[oauth]`` and ``[secrets]`` tables.

No module imports them: tarkpm itself signs in, and adds secrets to requests.
"""

MEANING: Final = {
    "storage": "store its own data",
    "http": "connect to these hosts",
    "env": "read these environment variables",
    "filesystem": "access these folders of the workspace",
    "fs_read": "read these files of your home folder",
    "oauth": "sign you in at these hosts and receive the tokens",
    "credentials": "also store the tokens in this file",
    "secret": "have this secret of yours added to its requests, without seeing it",
    "shell": "RUN ANY PROGRAM AS YOU: dangerous",
}

MAX_SCOPES: Final = 64
MAX_TEXT: Final = 1_600
"""The most scopes of one kind, and the most characters in all of them: more cannot be reviewed on a card."""


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
            raise ValueError(f"expected one of {', '.join(KINDS)}, found {short(kind)}{_meant(kind)}")
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
        scope = MEETS[self.kind](self.scope, other.scope)
        return None if scope is None else Capability(self.kind, scope)

    def covers(self, other: "Capability") -> bool:
        """Return whether ``self`` allows everything that ``other`` allows."""
        return self.meet(other) == other

    @property
    def secret(self) -> Secret | None:
        """The secret that a capability of this kind is about; None for other kinds."""
        return Secret.parse(self.scope) if self.kind == "secret" else None

    @property
    def is_grantable(self) -> bool:
        """Return whether it can be granted: a secret only once it is bound to one of the user's.

        A declared secret covers every binding of it, so granting it would allow any of the user's secrets.
        """
        return self.secret is None or self.secret.is_bound


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

    def grantable(self) -> "CapabilitySet":
        """Return this set without secrets that are not bound to one of the user's."""
        return CapabilitySet(tuple(c for c in self.items if c.is_grantable))

    def secrets(self) -> tuple[Secret, ...]:
        """Return the secrets in this set, bound or not."""
        return tuple(c.secret for c in self.items if c.secret is not None)

    def unbound(self, granted: "CapabilitySet") -> tuple[Secret, ...]:
        """Return the secrets in this set, a declaration, that ``granted`` binds to none of the user's."""
        bound = {secret.id for secret in granted.secrets()}
        return tuple(secret for secret in self.secrets() if secret.id not in bound)

    def without_secrets(self) -> "CapabilitySet":
        """Return this set without capabilities of the kind ``secret``."""
        return CapabilitySet(tuple(c for c in self.items if c.kind != "secret"))

    def without(self, capability: Capability) -> "CapabilitySet":
        """Return this set without the capabilities that ``capability`` covers."""
        return CapabilitySet(tuple(c for c in self.items if not capability.covers(c)))


def _meant(kind: str) -> str:
    from tarkpm.core.name_similarity import did_you_mean  # for errors only

    return did_you_mean(kind[:64].lower(), KINDS)


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
