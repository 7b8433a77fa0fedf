"""Who may publish a plugin in an index: ``publishers/<name>.json``, signed offline by its maintainers.

A claim binds a name to one publisher's key. Keys that were retired keep the releases they signed before;
releases that were revoked are never accepted again, whoever signed them.
"""

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from tarkpm.core.digest import Digest, is_digest
from tarkpm.core.document import decode_json
from tarkpm.core.key import PublicKey, public_key
from tarkpm.core.release import IndexSource, PluginName, plugin_name
from tarkpm.errors import IndexUntrusted

VERSION: Final = 1
MAX_CLAIM: Final = 1024 * 1024
"""Bytes: some fifteen thousand releases of retired keys."""


class Claim(msgspec.Struct, frozen=True):
    """Which releases of a plugin its index's maintainers stand behind.

    ``key`` is None after it was revoked and before there is another. Releases are named by the digests of
    their statements. A key that was taken out of use stays among the ``retired``, with no release if need be:
    it must not come back.
    """

    name: PluginName
    key: PublicKey | None
    retired: Mapping[PublicKey, frozenset[Digest]] = {}
    revoked: frozenset[Digest] = frozenset()

    def allows(self, signer: PublicKey, statement: Digest) -> bool:
        """Whether a release with this valid signature is one the maintainers stand behind."""
        if statement in self.revoked:
            return False
        return signer == self.key or statement in self.retired.get(signer, ())


class _Document(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    version: int
    name: str
    key: str = ""
    retired: dict[str, list[str]] = {}
    revoked: list[str] = []


def parse(data: bytes, *, where: str) -> Claim:
    """Read a claim; raises `IndexUntrusted`: signed, and still not what tarkpm can use."""
    document = decode_json(data, _Document, where=where, error=IndexUntrusted, limit=MAX_CLAIM)
    if document.version != VERSION:
        raise IndexUntrusted(
            f"expected a claim of version {VERSION}, found {document.version}: it needs a newer tarkpm",
            where=where,
        )
    try:
        return Claim(
            plugin_name(document.name),
            public_key(document.key) if document.key else None,
            {public_key(key): _digests(releases) for key, releases in document.retired.items()},
            _digests(document.revoked),
        )
    except ValueError as problem:
        raise IndexUntrusted(str(problem), where=where) from None


def _digests(texts: list[str]) -> frozenset[Digest]:
    for text in texts:
        if not is_digest(text):
            raise ValueError(f"expected a sha256 of 64 hexadecimal digits, found {text[:80]!r}")
    return frozenset(map(Digest, texts))


def render(claim: Claim) -> bytes:
    """The one text of a claim."""
    document = _Document(
        version=VERSION,
        name=claim.name,
        key=claim.key or "",
        retired={key: sorted(releases) for key, releases in sorted(claim.retired.items())},
        revoked=sorted(claim.revoked),
    )
    return json.dumps(msgspec.to_builtins(document), sort_keys=True, separators=(",", ":")).encode() + b"\n"


class Vouched(msgspec.Struct, frozen=True):
    """What indexes were seen to say on this machine, by the digest of their first root.

    ``revoked`` only grows: a release that was seen revoked once stays so, whatever an index says later.
    ``yanked`` are reasons, of locked releases, as they were last listed.
    """

    claims: Mapping[str, Mapping[PluginName, Claim]] = {}
    revoked: Mapping[str, frozenset[Digest]] = {}
    yanked: Mapping[str, Mapping[Digest, str]] = {}

    def claim(self, source: IndexSource, name: PluginName) -> Claim | None:
        """The claim of a plugin as it was last verified here."""
        return self.claims.get(source.root, {}).get(name)

    def is_revoked(self, source: IndexSource, statement: Digest) -> bool:
        """Whether a release was seen revoked."""
        return statement in self.revoked.get(source.root, ())

    def why_yanked(self, source: IndexSource, statement: Digest) -> str:
        """Why a release was yanked when it was last seen; "" if it was not."""
        return self.yanked.get(source.root, {}).get(statement, "")
