"""The proposal file: a decision and signatures over it, without the bytes that are signed.

::

    {"version": 1, "index": "sha256:…", "made": "2026-01-31T12:00:00Z",
     "claims": [{…}], "advisories": [{…}]             or "authority": {…},
     "signatures": {"ed25519:…": {"claims-0a3": "<base64>"}}}

Each signer builds the metadata for the decision from their own copy of the index (`draft`), sees how it
differs from the current state (`review`), and signs it. Signatures over other bytes are invalid, so a file
that was altered, was made for another state of the index, or was already enacted is refused.
"""

import base64
import binascii
import json
import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata, Root, Targets

from tarkpm.core import claim as claims
from tarkpm.core import osv
from tarkpm.core.advisory import Advisory
from tarkpm.core.claim import Claim
from tarkpm.core.document import convert, strict_json
from tarkpm.core.key import PublicKey, check_signature, public_key
from tarkpm.core.release import index_root, plugin_name
from tarkpm.core.text import json_flaw
from tarkpm.core.tlog.log import log_keys
from tarkpm.errors import IndexUntrusted, SignatureInvalid
from tarkpm.registry.authority import Authority
from tarkpm.registry.draft import Draft, draft_advisories, draft_authority, draft_claims
from tarkpm.registry.folder import Index
from tarkpm.registry.keys import Signer, tuf_key
from tarkpm.registry.lifetimes import CLOCKS, PROPOSAL, from_text, to_text

S = TypeVar("S", Root, Targets)

VERSION: Final = 1
MAX_PROPOSAL: Final = 64 * 1024 * 1024

Signatures = Mapping[PublicKey, Mapping[str, bytes]]


class Proposal(msgspec.Struct, frozen=True):
    """A decision about an index (``index`` is "" for a new one), and the signatures so far.

    One of ``claims``, ``authority`` and ``advisories`` is set. Signatures are by role; only `signers` checks
    them.
    """

    index: str
    made: datetime
    claims: tuple[Claim, ...] = ()
    authority: Authority | None = None
    signatures: Signatures = {}
    advisories: tuple[Advisory, ...] = ()

    def draft(self, index: Index | None) -> Draft:
        """Return the metadata to sign for this decision, given the current index. Raises `IndexUntrusted`."""
        if self.authority:
            return draft_authority(index, self.authority, self.made)
        assert index is not None
        if self.advisories:
            return draft_advisories(index, self.advisories, self.made)
        return draft_claims(index, self.claims, self.made)

    def decides_as(self, other: "Proposal") -> bool:
        """Return whether both hold the same decision for the same index, whenever made and by whom signed."""
        return msgspec.structs.replace(self, made=other.made, signatures=other.signatures) == other

    def signed(self, draft: Draft, signer: Signer) -> "Proposal":
        """Return this proposal with one maintainer's signatures, over every role for which they count."""
        mine = draft.roles_of(signer.key)
        made = {role: signer.sign(data) for role, data in draft.payloads() if role in mine}
        return msgspec.structs.replace(self, signatures={**self.signatures, signer.key: made})

    def signers(self, draft: Draft, *, where: str) -> frozenset[PublicKey]:
        """Return who signed; raises `IndexUntrusted` if a signature is not over the bytes of ``draft``."""
        payloads = dict(draft.payloads())
        for key, made in self.signatures.items():
            expected = draft.roles_of(key)
            if not expected:
                hint = f"delete it: rm {shlex.quote(where)}"
                raise IndexUntrusted(f"{key} is not a maintainer's key", where=where, hint=hint)
            try:
                # All roles or none: with signatures over some roles, half of a decision could be enacted.
                if set(made) != expected:
                    raise SignatureInvalid("other roles")
                for role, signature in made.items():
                    check_signature(key, signature, payloads[role], where=where)
            except SignatureInvalid:
                raise IndexUntrusted(
                    f"the signature of {key} does not match this proposal: the proposal was altered, or the "
                    "index has changed since",
                    where=where,
                    hint="update your copy of the index (git pull), or make a new proposal",
                ) from None
        return frozenset(self.signatures)

    def check_made(self, now: datetime, *, where: str) -> None:
        """Raise `IndexUntrusted` for a proposal from the future, and for one that has expired."""
        if self.made > now + CLOCKS:
            text = f"the proposal is dated in the future: {to_text(self.made)}"
            raise IndexUntrusted(text, where=where, hint="compare clocks: date -u")
        if self.made < now - PROPOSAL:
            raise IndexUntrusted(
                f"the proposal was made on {to_text(self.made)}, more than {PROPOSAL.days} days ago: "
                "make a new one",
                where=where,
                hint=f"delete it: rm {shlex.quote(where)}",
            )


def seal(signed: S, role: str, signatures: Signatures) -> Metadata[S]:
    """Return a role of a draft with the signatures over it."""
    made = [
        Signature(tuf_key(key).keyid, by[role].hex()) for key, by in sorted(signatures.items()) if role in by
    ]
    return Metadata(signed, {one.keyid: one for one in made})


class _Authority(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    maintainers: list[str]
    threshold: int
    online: str
    bits: int
    log: dict[str, Any] | None = None


class _Document(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    version: int
    made: str
    index: str = ""
    claims: list[dict[str, Any]] = []
    advisories: list[dict[str, Any]] = []
    authority: _Authority | None = None
    signatures: dict[str, dict[str, str]] = {}


def parse(data: bytes, *, where: str) -> Proposal:
    """Parse a proposal; raises `IndexUntrusted`."""
    try:
        raw = convert(strict_json(data), _Document, where=where, error=IndexUntrusted)
        if raw.version != VERSION:
            raise ValueError(f"expected version {VERSION}, found {raw.version}")
        decisions = [bool(raw.claims), bool(raw.advisories), bool(raw.authority)]
        if sum(decisions) != 1 or not (raw.index or raw.authority):
            raise ValueError("expected either claims or advisories of an index, or an authority")
        return Proposal(
            index_root(raw.index) if raw.index else "",
            from_text(raw.made),
            # Through the parser of claims, so that a proposal cannot hold a claim that clients would refuse.
            tuple(claims.parse(json.dumps(one).encode(), where=f"{where}: claims") for one in raw.claims),
            _authority(raw.authority) if raw.authority else None,
            {public_key(key): _signatures(made) for key, made in raw.signatures.items()},
            tuple(
                osv.parse(json.dumps(one).encode(), where=f"{where}: advisories") for one in raw.advisories
            ),
        )
    except (ValueError, RecursionError) as problem:
        raise IndexUntrusted(f"the file is not a proposal: {json_flaw(problem)}", where=where) from None


def _authority(raw: _Authority) -> Authority:
    keys = [public_key(key) for key in raw.maintainers]
    if len(set(keys)) != len(keys):
        raise ValueError("a maintainer's key is listed twice")
    authority = Authority(
        plugin_name(raw.name),
        frozenset(keys),
        raw.threshold,
        public_key(raw.online),
        raw.bits,
        log_keys(raw.log, where="log") if raw.log else None,
    )
    if problem := authority.problem():
        raise ValueError(problem)
    return authority


def _signatures(made: dict[str, str]) -> dict[str, bytes]:
    try:
        return {role: base64.b64decode(text, validate=True) for role, text in made.items()}
    except binascii.Error:
        raise ValueError("expected signatures in base64") from None


def render(proposal: Proposal) -> bytes:
    """Return the canonical text of a proposal."""
    wanted = proposal.authority
    authority = None
    if wanted:
        authority = _Authority(
            wanted.name,
            sorted(wanted.maintainers),
            wanted.threshold,
            wanted.online,
            wanted.bits,
            wanted.log.table() if wanted.log else None,
        )
    document = _Document(
        version=VERSION,
        made=to_text(proposal.made),
        index=proposal.index,
        claims=[json.loads(claims.render(claim)) for claim in proposal.claims],
        advisories=[json.loads(osv.render(advisory)) for advisory in proposal.advisories],
        authority=authority,
        signatures={
            key: {role: base64.b64encode(raw).decode() for role, raw in made.items()}
            for key, made in proposal.signatures.items()
        },
    )
    return json.dumps(msgspec.to_builtins(document), sort_keys=True, indent=1).encode() + b"\n"
