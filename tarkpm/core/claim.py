"""Claims: who may publish a plugin in an index (``publishers/<name>.json``).

The maintainers of the index sign claims offline. A claim binds a name to one publisher's key. Retired keys
stay valid for the releases they signed before. Revoked releases are never accepted again, regardless of their
signer (docs/trust-rules.md, rule 8; docs/decisions/0076-what-a-revocation-names.md).

A revocation names a version and the digest of the signed payload, so that no other contents bring the version
back. Claims of version 1 name the digest of the statement instead, and are still enforced. The releases of a
retired key are named by the digest of their statement. That list allows releases, so the narrower name is the
safer one: a statement that is encoded differently is not on the list.
"""

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from tarkpm.core.digest import Digest, is_digest
from tarkpm.core.document import check_version, decode_json
from tarkpm.core.key import PublicKey, public_key
from tarkpm.core.release import IndexSource, PluginName, folded, plugin_name
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

VERSION: Final = 2
"""The format of claims that revoke by version. Others are written as 1, for older versions of tarkpm."""
MAX_CLAIM: Final = 1024 * 1024
"""In bytes. This is enough for about 15,000 releases of retired keys."""


class Claim(msgspec.Struct, frozen=True):
    """The releases of a plugin that the maintainers of an index vouch for.

    ``key`` is None between the revocation of a key and its replacement. A key that is no longer used stays in
    ``retired``, if necessary without a release, so that it cannot come back. ``retired`` and ``revoked`` name
    releases by the digest of their statement. ``revoked_versions`` maps versions without build metadata to
    the digest of the signed payload.
    """

    name: PluginName
    key: PublicKey | None
    retired: Mapping[PublicKey, frozenset[Digest]] = {}
    revoked: frozenset[Digest] = frozenset()
    revoked_versions: Mapping[str, Digest] = {}

    def allows(self, signer: PublicKey, version: Version, statement: Digest) -> bool:
        """Return whether the maintainers vouch for a release with this valid signature."""
        # Revocation comes first: it also holds for releases of the current key.
        if self.revokes(version, statement):
            return False
        return signer == self.key or statement in self.retired.get(signer, ())

    def revokes(self, version: Version, statement: Digest) -> bool:
        """Return whether this version or this statement was revoked."""
        return version.plain in self.revoked_versions or statement in self.revoked


class _Document(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    version: int
    name: str
    key: str = ""
    retired: dict[str, list[str]] = {}
    revoked: list[str] = []
    revoked_versions: dict[str, str] = {}


def parse(data: bytes, *, where: str) -> Claim:
    """Read a claim. Raises `IndexUntrusted` if it is malformed or of an unknown version."""
    document = decode_json(data, _Document, where=where, error=IndexUntrusted, limit=MAX_CLAIM)
    try:
        check_version("a claim", document.version, 1, VERSION)
        # Version 1 has no such field, and older versions of tarkpm refuse it: all must read a claim alike.
        if document.version == 1 and document.revoked_versions:
            raise ValueError("expected no 'revoked_versions' in a claim of version 1")
        return Claim(
            plugin_name(document.name),
            public_key(document.key) if document.key else None,
            {public_key(key): _digests(releases) for key, releases in document.retired.items()},
            _digests(document.revoked),
            _versions(document.revoked_versions),
        )
    except ValueError as problem:
        raise IndexUntrusted(str(problem), where=where) from None


def _digests(texts: list[str]) -> frozenset[Digest]:
    for text in texts:
        if not is_digest(text):
            raise ValueError(f"expected a sha256 of 64 hexadecimal digits, found {text[:80]!r}")
    return frozenset(map(Digest, texts))


def _versions(table: dict[str, str]) -> dict[str, Digest]:
    _digests(list(table.values()))
    for text in table:
        # Versions that differ only in build metadata are one (SemVer, section 10): revoking one revokes all.
        if Version.parse(text).plain != text:
            raise ValueError(f"expected a version without build metadata, found {text[:80]!r}")
    return {text: Digest(digest) for text, digest in table.items()}


def render(claim: Claim) -> bytes:
    """Return the bytes of a claim. Equal claims have equal bytes."""
    document = _Document(
        version=VERSION if claim.revoked_versions else 1,
        name=claim.name,
        key=claim.key or "",
        retired={key: sorted(releases) for key, releases in sorted(claim.retired.items())},
        revoked=sorted(claim.revoked),
        revoked_versions=dict(claim.revoked_versions),
    )
    return json.dumps(msgspec.to_builtins(document), sort_keys=True, separators=(",", ":")).encode() + b"\n"


class Vouched(msgspec.Struct, frozen=True):
    """The claims of indexes that were verified on this machine, by the digest of the index's first root.

    ``revoked`` and ``revoked_versions`` (by folded plugin name) only grow: a revocation that was seen once is
    enforced whatever the index says later (docs/trust-rules.md, rule 8). ``yanked`` maps locked releases to
    the reason that was last listed. ``floors`` maps TUF roles to the highest version that was seen; a lower
    one is a rollback and is refused.
    """

    claims: Mapping[str, Mapping[PluginName, Claim]] = {}
    revoked: Mapping[str, frozenset[Digest]] = {}
    yanked: Mapping[str, Mapping[Digest, str]] = {}
    floors: Mapping[str, Mapping[str, int]] = {}
    revoked_versions: Mapping[str, Mapping[str, Mapping[str, Digest]]] = {}

    def claim(self, source: IndexSource, name: PluginName) -> Claim | None:
        """Return the claim of a plugin as last verified on this machine, or None."""
        return self.claims.get(source.root, {}).get(name)

    def is_revoked(self, source: IndexSource, name: PluginName, version: Version, statement: Digest) -> bool:
        """Return whether this version of the plugin, or this statement, was seen revoked."""
        versions = self.revoked_versions.get(source.root, {}).get(folded(name), {})
        return version.plain in versions or statement in self.revoked.get(source.root, ())

    def has_revoked(self, statement: Digest, payload: Digest | None) -> bool:
        """Return whether any index revoked a release of which only the contents are known."""
        plugins = (plugin for index in self.revoked_versions.values() for plugin in index.values())
        return any(statement in revoked for revoked in self.revoked.values()) or any(
            payload in versions.values() for versions in plugins
        )

    def why_yanked(self, source: IndexSource, statement: Digest) -> str:
        """Return why a release was yanked when last seen, "" if it was not."""
        return self.yanked.get(source.root, {}).get(statement, "")
