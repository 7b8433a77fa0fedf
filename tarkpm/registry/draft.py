"""Build the metadata that maintainers sign for a decision: the same bytes on every machine.

A decision is a wanted state (claims or an authority) and the time it was made. Each signer builds the
metadata from their own copy of the index, so nobody signs bytes from someone else
(docs/decisions/0070-a-proposal-holds-a-decision-not-bytes.md).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from tuf.api.metadata import Root, Targets

from tarkpm.core import claim as claims
from tarkpm.core import osv
from tarkpm.core.advised import render_part, with_row
from tarkpm.core.advisory import Advisory
from tarkpm.core.claim import Claim
from tarkpm.core.digest import sha256
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import CLAIMS, INDEX, ROOT, TOP, advisories_path, advisory_path, claim_path
from tarkpm.registry.authority import Authority, parts_of, payload, targets, with_parts
from tarkpm.registry.folder import Index, target_of
from tarkpm.registry.keys import Quorum
from tarkpm.registry.lifetimes import OFFLINE


class Draft(msgspec.Struct, frozen=True):
    """Unsigned metadata by role, the documents it lists, and who must sign each role.

    A root that follows another must satisfy two quorums: that of the old root and its own (TUF specification,
    5.3.4).
    """

    roles: Mapping[str, Root | Targets]
    quorums: Mapping[str, tuple[Quorum, ...]]
    documents: Mapping[str, bytes] = {}

    def payloads(self) -> Iterator[tuple[str, bytes]]:
        """Yield each role with the bytes to sign for it, in order."""
        for role, signed in self.roles.items():
            yield role, payload(signed)

    def digest(self) -> str:
        """Return one digest over all bytes that are signed: agreeing to it is agreeing to these bytes."""
        whole = hashlib.sha256()
        for role, data in self.payloads():
            whole.update(f"{role} {sha256(data)}\n".encode())
        return f"sha256:{whole.hexdigest()}"

    def roles_of(self, key: PublicKey) -> frozenset[str]:
        """Return the roles for which a key's signature counts."""
        return frozenset(role for role, all_ in self.quorums.items() if any(key in q.keys for q in all_))

    def missing(self, signed: Iterable[PublicKey]) -> int:
        """Return how many more keys must sign, if each signs all roles it can."""
        keys = frozenset(signed)
        return max(quorum.missing(keys) for all_ in self.quorums.values() for quorum in all_)


def draft_claims(index: Index, wanted: Iterable[Claim], made: datetime) -> Draft:
    """Return new versions of the bins that contain these claims."""
    roles: dict[str, Root | Targets] = {}
    documents: dict[str, bytes] = {}
    for claim in sorted(wanted, key=lambda claim: claim.name):
        path, data = claim_path(claim.name), claims.render(claim)
        _listed(index, roles, path, data, made)
        documents[path] = data
    return Draft(roles, dict.fromkeys(roles, (index.authority.offline,)), documents)


def draft_advisories(index: Index, wanted: Iterable[Advisory], made: datetime) -> Draft:
    """Return new versions of ``claims``, which names the list of advisories, and of the bins of these."""
    roles: dict[str, Root | Targets] = {}
    documents: dict[str, bytes] = {}
    parts = index.advisory_parts
    for advisory in sorted(wanted, key=lambda one: one.id):
        path, data = advisory_path(advisory.id), osv.render(advisory)
        _listed(index, roles, path, data, made)
        documents[path] = data
        parts = with_row(parts, advisory)
    named = {advisories_path(number): render_part(part) for number, part in enumerate(parts)}
    claims_ = index.authority.delegation(CLAIMS, index.versions[CLAIMS] + 1, made)
    roles[CLAIMS] = with_parts(claims_, [target_of(path, data) for path, data in named.items()])
    # The parts last: a reviewer of the documents reads the advisories first.
    return Draft(roles, dict.fromkeys(roles, (index.authority.offline,)), documents | named)


def _listed(index: Index, roles: dict[str, Root | Targets], path: str, data: bytes, made: datetime) -> None:
    """List a document in a new version of its bin."""
    role = index.authority.bin(path)
    if role not in roles:
        entries = dict(index.read_bin(role).targets)
        # The time comes from the proposal, not from the clock: all signers must build the same bytes.
        roles[role] = targets(role, index.versions[role] + 1, made + OFFLINE, entries)
    bin_ = roles[role]
    assert isinstance(bin_, Targets)
    bin_.targets[path] = target_of(path, data)


def draft_authority(index: Index | None, wanted: Authority, made: datetime) -> Draft:
    """Return a new root and all metadata its keys must sign again; all of it if nothing else changes."""
    before = index.authority if index else None
    everything = before is None or before == wanted or before.offline != wanted.offline
    versions = index.versions if index else {}
    number = index.root.signed.version + 1 if index else 1
    roles: dict[str, Root | Targets] = {ROOT: wanted.root(number, made)}
    # A new online key changes only the root and the role that delegates the index bins.
    for role in (TOP, CLAIMS, INDEX) if everything else (INDEX,):
        roles[role] = wanted.delegation(role, versions.get(role, 0) + 1, made)
    if index and everything:
        # Other keys, the same advisories: they stay listed.
        roles[CLAIMS] = with_parts(
            wanted.delegation(CLAIMS, versions[CLAIMS] + 1, made), parts_of(index.delegations[CLAIMS])
        )
    for role in wanted.bins(CLAIMS) if everything else ():
        entries = dict(index.read_bin(role).targets) if index else {}
        roles[role] = targets(role, versions.get(role, 0) + 1, made + OFFLINE, entries)
    # Only a root that changes the maintainers has two quorums: otherwise both are the same.
    quorums: dict[str, tuple[Quorum, ...]] = dict.fromkeys(roles, (wanted.offline,))
    if before and before.offline != wanted.offline:
        quorums[ROOT] = (before.offline, wanted.offline)
    return Draft(roles, quorums)
