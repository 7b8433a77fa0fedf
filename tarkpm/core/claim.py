"""Claims: who may publish a plugin in an index. ``publishers/<name>.json``, signed offline by maintainers.

A claim binds a name to one publisher's key. Keys that were retired keep the releases they signed before;
releases that were revoked are never accepted again, whoever signed them.

What is revoked is named by its version, with the digest of the payload that was signed: no other bytes bring
the version back. Claims of version 1 name it by the digest of its statement, and are enforced as they stand.
What a retired key keeps is named by the digest of the statement. That is the stricter name where releases are
allowed: other bytes, of whatever spelling, are not on the list.
"""

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from tarkpm.core.digest import Digest, is_digest
from tarkpm.core.document import decode_json
from tarkpm.core.key import PublicKey, public_key
from tarkpm.core.release import IndexSource, PluginName, folded, plugin_name
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

VERSION: Final = 2
"""The version of claims that revoke by version. Others say 1, so that an older tarkpm can read them."""
MAX_CLAIM: Final = 1024 * 1024
"""Bytes: some fifteen thousand releases of retired keys."""


class Claim(msgspec.Struct, frozen=True):
    """The releases of a plugin that the maintainers of its index vouch for.

    ``key`` is None after it was revoked and before there is another. A key that was taken out of use stays
    among the ``retired``, with no release if need be: it must not come back. ``retired`` and ``revoked`` name
    releases by the digests of their statements; ``revoked_versions`` are versions without build metadata, and
    the digests of what their publisher signed.
    """

    name: PluginName
    key: PublicKey | None
    retired: Mapping[PublicKey, frozenset[Digest]] = {}
    revoked: frozenset[Digest] = frozenset()
    revoked_versions: Mapping[str, Digest] = {}

    def allows(self, signer: PublicKey, version: Version, statement: Digest) -> bool:
        """Return whether a release with this valid signature is one the maintainers stand behind."""
        if self.revokes(version, statement):
            return False
        return signer == self.key or statement in self.retired.get(signer, ())

    def revokes(self, version: Version, statement: Digest) -> bool:
        """Return whether a release of this version, or with this statement, is never accepted again."""
        return version.plain in self.revoked_versions or statement in self.revoked


class _Document(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    version: int
    name: str
    key: str = ""
    retired: dict[str, list[str]] = {}
    revoked: list[str] = []
    revoked_versions: dict[str, str] = {}


def parse(data: bytes, *, where: str) -> Claim:
    """Read a claim; raises `IndexUntrusted`: signed, and still not what tarkpm can use."""
    document = decode_json(data, _Document, where=where, error=IndexUntrusted, limit=MAX_CLAIM)
    if document.version not in (1, VERSION):
        raise IndexUntrusted(
            f"expected a claim of version 1 or {VERSION}, found {document.version}: it needs a newer tarkpm",
            where=where,
        )
    if document.version == 1 and document.revoked_versions:
        raise IndexUntrusted("expected no 'revoked_versions' in a claim of version 1", where=where)
    try:
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
        if Version.parse(text).plain != text:
            raise ValueError(f"expected a version without build metadata, found {text[:80]!r}")
    return {text: Digest(digest) for text, digest in table.items()}


def render(claim: Claim) -> bytes:
    """The one text of a claim."""
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
    """Everything this machine has seen indexes vouch for, by the digest of their first root.

    ``revoked`` and ``revoked_versions``, by the folded name of the plugin, only grow: a release that was seen
    revoked once stays so, whatever an index says later.
    ``yanked`` are reasons, of locked releases, as they were last listed. ``floors`` are the versions in which
    what maintainers sign was seen, by role: an older one is never believed again.
    """

    claims: Mapping[str, Mapping[PluginName, Claim]] = {}
    revoked: Mapping[str, frozenset[Digest]] = {}
    yanked: Mapping[str, Mapping[Digest, str]] = {}
    floors: Mapping[str, Mapping[str, int]] = {}
    revoked_versions: Mapping[str, Mapping[str, Mapping[str, Digest]]] = {}

    def claim(self, source: IndexSource, name: PluginName) -> Claim | None:
        """The claim of a plugin as it was last verified here."""
        return self.claims.get(source.root, {}).get(name)

    def is_revoked(self, source: IndexSource, name: PluginName, version: Version, statement: Digest) -> bool:
        """Return whether a release was seen revoked: this version of the plugin, or this statement."""
        versions = self.revoked_versions.get(source.root, {}).get(folded(name), {})
        return version.plain in versions or statement in self.revoked.get(source.root, ())

    def has_revoked(self, statement: Digest, payload: Digest | None) -> bool:
        """Return whether some index revoked a release of which only its bytes are known."""
        plugins = (plugin for index in self.revoked_versions.values() for plugin in index.values())
        return any(statement in revoked for revoked in self.revoked.values()) or any(
            payload in versions.values() for versions in plugins
        )

    def why_yanked(self, source: IndexSource, statement: Digest) -> str:
        """Why a release was yanked when it was last seen; "" if it was not."""
        return self.yanked.get(source.root, {}).get(statement, "")
