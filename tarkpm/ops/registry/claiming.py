"""``tarkpm index claim``, ``revoke`` and ``rotate publisher``: what maintainers decide about claims."""

from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec

from tarkpm.core import claim as claims
from tarkpm.core.claim import MAX_CLAIM, Claim
from tarkpm.core.digest import Digest
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import CLAIMS
from tarkpm.core.release import PluginName
from tarkpm.core.rows import Row
from tarkpm.core.version import Version
from tarkpm.errors import NotFound, Refused
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import ProposalReport, propose, settle
from tarkpm.registry.folder import Index
from tarkpm.registry.proposal import Proposal
from tarkpm.registry.releases import signer_of
from tarkpm.registry.review import near

Named = tuple[PluginName, Version]


def claim(
    desk: Desk, name: PluginName, publisher: PublicKey, keys: Sequence[str], *, force: bool
) -> ProposalReport:
    """Propose that a key may publish a new plugin.

    Raises `Refused` for a name that is claimed, or, without ``force``, too close to one that is.
    """

    def wanted(index: Index) -> list[Claim]:
        if before := index.claim(name):
            hint = f"tarkpm index rotate publisher {before.name} --to {publisher}"
            raise Refused(f"'{before.name}' is claimed already, by {before.key}", hint=hint)
        close = [f"'{name}' {why} '{other}'" for other, why in near(index, name)]
        if close and not force:
            raise Refused("; ".join(close[:5]), hint="if nobody is misled by that: --force")
        return [Claim(name, publisher)]

    return _decide(desk, wanted, f"claim-{name}", keys)


def rotate_publisher(desk: Desk, name: PluginName, key: PublicKey, keys: Sequence[str]) -> ProposalReport:
    """Propose another publisher's key; releases the old one signed so far stay good."""

    def wanted(index: Index) -> list[Claim]:
        before = _claim(index, name)
        if key == before.key or key in before.retired:
            raise Refused(f"{key} is or was the key of '{name}'", hint="tarkpm key generate --name NAME")
        retired = dict(before.retired)
        if before.key:
            kept = {row.statement.sha256 for row in _signed_by(index, name, before.key)} - before.revoked
            retired[before.key] = frozenset(kept)
        return [msgspec.structs.replace(before, key=key, retired=retired)]

    return _decide(desk, wanted, f"rotate-{name}", keys)


def revoke_release(desk: Desk, name: PluginName, version: Version, keys: Sequence[str]) -> ProposalReport:
    """Propose that a release is never accepted again."""

    def wanted(index: Index) -> list[Claim]:
        before = _claim(index, name)
        row = _row(index, name, version)
        if row.statement.sha256 in before.revoked:
            raise Refused(f"{name} {version} is revoked already")
        return [msgspec.structs.replace(before, revoked=before.revoked | {row.statement.sha256})]

    return _decide(desk, wanted, f"revoke-{name}-{version}".replace("+", "_"), keys)


def revoke_key(desk: Desk, key: PublicKey, keep: Collection[Named], keys: Sequence[str]) -> ProposalReport:
    """Propose that a publisher's key counts nowhere any more, nor its releases, but those in ``keep``."""

    def wanted(index: Index) -> list[Claim]:
        kept = {_row(index, name, version).statement.sha256 for name, version in keep}
        changed = [_without(index, before, key, kept) for before in _claims_of(index, key)]
        if not changed:
            raise NotFound(f"no plugin has or had the key {key}", where=str(desk.folder))
        return changed

    return _decide(desk, wanted, f"revoke-{key[8:16].replace('/', '_').replace('+', '-')}", keys)


def _without(index: Index, before: Claim, key: PublicKey, keep: set[Digest]) -> Claim:
    signed = {row.statement.sha256 for row in _signed_by(index, before.name, key)}
    kept = frozenset(signed & keep) - before.revoked
    retired = {other: ids for other, ids in before.retired.items() if other != key}
    if kept:
        retired[key] = kept
    current = None if before.key == key else before.key
    return Claim(before.name, current, retired, before.revoked | (signed - kept))


def _decide(
    desk: Desk, wanted: Callable[[Index], list[Claim]], slug: str, keys: Sequence[str]
) -> ProposalReport:
    with desk.changing():
        index = desk.open()
        signers = desk.maintainers(keys, index.authority.maintainers)
        proposal = Proposal(index.first_root, desk.now, claims=tuple(wanted(index)))
        business = propose(desk, index, proposal, slug)
        return settle(desk, business.with_signatures(signers))


def _claim(index: Index, name: PluginName) -> Claim:
    before = index.claim(name)
    if before is None or before.name != name:
        raise NotFound(f"nobody has claimed '{name}'", where=str(index.folder))
    return before


def _row(index: Index, name: PluginName, version: Version) -> Row:
    row = index.listing(name).get(version)
    if row is None:
        raise NotFound(f"there is no {name} {version} in the index", where=str(index.folder))
    return row


def _signed_by(index: Index, name: PluginName, key: PublicKey) -> list[Row]:
    rows = index.listing(name).rows
    return [row for row in rows if signer_of(index.folder, name, row.statement)[1] == key]


def _claims_of(index: Index, key: PublicKey) -> Iterator[Claim]:
    """Every claim in which the key stands, now or formerly."""
    for path, target in index.entries(CLAIMS):
        data = index.read_target(path, target, MAX_CLAIM)
        if key.encode() in data:  # most do not hold it, and need not be parsed
            before = claims.parse(data, where=path)
            if key == before.key or key in before.retired:
                yield before
