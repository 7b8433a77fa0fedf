"""Attestations of rebuilds in an index: who may be listed with a release (docs/decisions/0226)."""

from pathlib import Path

import msgspec

from tarkpm.core.claim import Claim
from tarkpm.core.rebuilt import MAX_REBUILDS, ListedRebuild, RebuiltRelease, is_valid
from tarkpm.core.release import PluginName
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.errors import IndexUntrusted, KeyUntrusted, Refused, SignatureInvalid, TooLarge
from tarkpm.registry.releases import not_listed, read_statement


def attested(
    folder: Path,
    claim: Claim | None,
    listing: Listing,
    about: RebuiltRelease,
    new: ListedRebuild,
    *,
    where: str,
) -> ReleaseRow:
    """Return the row of a release with a rebuild ``about`` it, whose signature the caller verified.

    Raises `NotFound` if the release is not listed, `SignatureInvalid` for one with other contents,
    `Refused` for another source than its publisher names or for a key that is listed already,
    `KeyUntrusted` for a key of the publisher, and `TooLarge`.
    """
    row = listing.get(about.version)
    if row is None:
        raise not_listed(listing, about.version)
    # 1. It is about these very bytes: under one version, another index may list others.
    if release_in(listing.name, row) != about:
        text = f"the attestation is about another release of {about.name} {about.version} than the listed one"
        raise SignatureInvalid(text, where=where)
    # 2. It is about the source that the publisher signed: any other says nothing about this release.
    said, signer = read_statement(folder, listing.name, row.statement)
    source = new.rebuild.source
    if said.source is None or not said.source.is_at(source):
        named = str(said.source) if said.source else "no source"
        text = f"the attestation is about a build of {source}, and the release names {named}"
        raise Refused(text, where=where)
    # 3. Somebody else rebuilt it: the publisher's word is the release itself.
    own = {signer, *((claim.key, *claim.retired) if claim else ())}
    if new.key in own:
        raise KeyUntrusted(f"{new.key} is a key of the publisher of '{listing.name}'", where=where)
    # 4. Each key counts once. A new outcome does not replace what the key signed before.
    if any(one.key == new.key for one in row.rebuilds):
        raise Refused(f"a rebuild of {about.name} {about.version} by {new.key} is listed", where=where)
    if len(row.rebuilds) >= MAX_REBUILDS:
        text = f"the index lists {MAX_REBUILDS} rebuilds of {about.name} {about.version}, and no more"
        raise TooLarge(text, where=where)
    return msgspec.structs.replace(row, rebuilds=(*row.rebuilds, new))


def release_in(name: PluginName, row: ReleaseRow) -> RebuiltRelease:
    """Return what attestations of a listed release are about."""
    return RebuiltRelease(name, row.version, row.statement.sha256, row.files)


def check_rebuilds(name: PluginName, row: ReleaseRow) -> None:
    """Raise `IndexUntrusted` if a listed rebuild was not signed by its key, or a key is listed twice."""
    about = release_in(name, row)
    bad = [one.key for one in row.rebuilds if not is_valid(about, one)]
    if bad:
        raise IndexUntrusted(f"{name} {row.version}: {bad[0]} did not sign the rebuild that is listed")
    if len({one.key for one in row.rebuilds}) != len(row.rebuilds):
        raise IndexUntrusted(f"{name} {row.version}: one key is listed with two rebuilds")
