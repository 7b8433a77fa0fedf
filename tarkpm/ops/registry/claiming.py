"""``tarkpm index claim``, ``revoke`` and ``rotate publisher``: maintainers' decisions about claims."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

import msgspec

from tarkpm.core.claim import Claim
from tarkpm.core.digest import Digest
from tarkpm.core.key import PublicKey
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.release import PluginName
from tarkpm.core.rows import ReleaseRow
from tarkpm.core.statement import Statement
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted, NotFound, Refused, TarkError
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import ProposalReport, propose, settle
from tarkpm.registry.catalogue import entries
from tarkpm.registry.folder import Index
from tarkpm.registry.key_separation import claims_with
from tarkpm.registry.proposal import Proposal
from tarkpm.registry.releases import not_listed, read_statement
from tarkpm.registry.review import Review

Named = tuple[PluginName, Version]


def claim(
    desk: Desk, name: PluginName, publisher: PublicKey, keys: Sequence[str], *, force: bool
) -> ProposalReport:
    """Propose that a key may publish a new plugin.

    Raises `Refused` for a claimed name and, without ``force``, for a name similar to a claimed one.
    """

    def wanted(index: Index) -> list[Claim]:
        if before := index.claim(name):
            hint = desk.command("rotate", "publisher", before.name, "--to", publisher)
            raise Refused(f"'{before.name}' is already claimed by {before.key}", hint=hint)
        return [Claim(name, publisher)]

    def look(review: Review) -> None:
        if review.warnings and not force:
            again = desk.command("claim", name, "--publisher", publisher, "--force")
            raise Refused(
                "; ".join(review.warnings[:5]), hint=f"to claim it although the names are similar: {again}"
            )

    return _decide(desk, wanted, f"claim-{name}", keys, look)


def rotate_publisher(desk: Desk, name: PluginName, key: PublicKey, keys: Sequence[str]) -> ProposalReport:
    """Propose a new publisher's key. Releases the old key signed so far stay valid.

    Raises `NotFound` for an unclaimed name and `Refused` for a key that cannot publish.
    """

    def wanted(index: Index) -> list[Claim]:
        before = _claim(index, name)
        if key == before.key:
            raise Refused(f"{key} is already the key of '{name}'", hint="tarkpm key generate --name NAME")
        retired = dict(before.retired)
        # Revoked releases are left out: a claim must not both keep and revoke one.
        if before.key:
            retired[before.key] = frozenset(
                row.statement.sha256
                for row, said in _signed_by(index, name, before.key)
                if not before.revokes(said.version, row.statement.sha256)
            )
        return [msgspec.structs.replace(before, key=key, retired=retired)]

    return _decide(desk, wanted, f"rotate-{name}", keys)


def revoke_release(desk: Desk, name: PluginName, version: Version, keys: Sequence[str]) -> ProposalReport:
    """Propose to revoke a release for good. Raises `NotFound` and `Refused`."""

    def wanted(index: Index) -> list[Claim]:
        before = _claim(index, name)
        row = _row(index, name, version)
        if version.plain in before.revoked_versions:
            raise Refused(f"{name} {version} is already revoked", hint=desk.command("check"))
        said, _ = _said(index, name, row)
        return [_revoking(before, [said])]

    return _decide(desk, wanted, f"revoke-{name}-{version}".replace("+", "_"), keys)


def revoke_key(desk: Desk, key: PublicKey, keep: Collection[Named], keys: Sequence[str]) -> ProposalReport:
    """Propose to revoke a publisher's key for all plugins, and its releases except those in ``keep``.

    Raises `NotFound` for a key no plugin has, `Refused` for one that is already revoked.
    """

    def wanted(index: Index) -> list[Claim]:
        kept = {_row(index, name, version).statement.sha256 for name, version in keep}
        having = list(claims_with(index, key))
        if not having:
            part = index.authority.part_of(key)
            what = {"the online key": "online", "a maintainer's key": "root"}.get(part, "")
            raise NotFound(
                f"{key} is not the key of any plugin" + (f": it is {part}" if part else ""),
                where=str(desk.folder),
                hint=desk.command("rotate", what) if what else "",
            )
        changed = [after for before in having if (after := _without(index, before, key, kept)) != before]
        if not changed:
            raise Refused(f"{key} is already revoked", hint=desk.command("check"))
        return changed

    return _decide(desk, wanted, f"revoke-{key[8:16].replace('/', '_').replace('+', '-')}", keys)


def _without(index: Index, before: Claim, key: PublicKey, keep: set[Digest]) -> Claim:
    signed = {row.statement.sha256: said for row, said in _signed_by(index, before.name, key)}
    kept = frozenset(id_ for id_ in signed.keys() & keep if not before.revokes(signed[id_].version, id_))
    # Listed even if none of its releases is kept: a retired key can never publish here again.
    retired = {**before.retired, key: kept}
    current = None if before.key == key else before.key
    after = _revoking(before, [said for id_, said in signed.items() if id_ not in kept])
    return msgspec.structs.replace(after, key=current, retired=retired)


def _revoking(before: Claim, gone: Iterable[Statement]) -> Claim:
    """Return the claim with these releases revoked as well."""
    versions = {said.version.plain: said.digest for said in gone}
    return msgspec.structs.replace(before, revoked_versions=versions | {**before.revoked_versions})


def _decide(
    desk: Desk,
    wanted: Callable[[Index], list[Claim]],
    slug: str,
    keys: Sequence[str],
    look: Callable[[Review], None] = lambda _: None,
) -> ProposalReport:
    """Propose changed claims; ``look`` may refuse the review."""
    with desk.changing():
        index = desk.open()
        signers = desk.maintainers(keys, index.authority.maintainers)
        proposal = Proposal(index.first_root, desk.now, claims=tuple(wanted(index)))
        business = propose(desk, index, proposal, slug)
        look(business.review)
        return settle(desk, business.with_signatures(signers))


def _claim(index: Index, name: PluginName) -> Claim:
    before = index.claim(name)
    if before is None or before.name != name:
        taken = f"; '{before.name}' is claimed" if before else _meant(index, name)
        hint = "" if taken else f"tarkpm index claim {name} --publisher KEY"
        raise NotFound(f"'{name}' is not claimed{taken}", where=str(index.folder), hint=hint)
    return before


def _meant(index: Index, name: PluginName) -> str:
    with suppress(TarkError):  # a damaged index says so where it is used
        return did_you_mean(name, (entry.name for entry in entries(index)))
    return ""


def _row(index: Index, name: PluginName, version: Version) -> ReleaseRow:
    listing = index.listing(name)
    row = listing.get(version)
    if row is None:
        raise not_listed(listing, version)
    return row


def _signed_by(index: Index, name: PluginName, key: PublicKey) -> list[tuple[ReleaseRow, Statement]]:
    found = [(row, *_said(index, name, row)) for row in index.listing(name).rows]
    return [(row, said) for row, said, signer in found if signer == key]


def _said(index: Index, name: PluginName, row: ReleaseRow) -> tuple[Statement, PublicKey]:
    """Return the statement of a row and its signer. Raises `IndexUntrusted` if it is for another version."""
    said, signer = read_statement(index.folder, name, row.statement)
    if said.version != row.version:
        text = f"the release listed as {name} {row.version} is signed as {said.version}"
        raise IndexUntrusted(text, where=str(index.folder))
    return said, signer
