"""CI identities in an index: proved once, when a release is accepted, and never dropped unasked."""

from tarkpm.core.ci_identity import CiClaims, CiIdentity
from tarkpm.core.rows import Listing
from tarkpm.errors import KeyUntrusted


def wanted_identity(listing: Listing, typed: CiIdentity | None, *, dropped: bool) -> CiIdentity | None:
    """Return the identity that the next release must prove: the ``typed`` one, or else the last one's.

    One that is typed without ids has those of the last one of its repository. None if there is none, or if
    the maintainers ``dropped`` it.
    """
    if dropped or not listing.rows:
        return typed
    # The last release and not the highest: a fix of an older version proves what was asked for since.
    last = max(listing.rows, key=lambda row: (row.published or 0, row.version))
    known = CiIdentity.parse(last.identity) if last.identity else None
    return typed.keeping_ids_of(known) if typed else known


def proved(name: str, wanted: CiIdentity | None, claims: CiClaims | None, *, where: str) -> str:
    """Return the identity to list with a release, with ids; "" if none is wanted.

    ``claims`` are those of a verified proof, None without one. Raises `KeyUntrusted`.
    """
    if wanted is None:
        return ""
    why = wanted.mismatch(claims) if claims else "it has no proof"
    if claims is None or why:
        text = f"'{name}' must be released by {wanted}, and this release was not: {why}"
        raise KeyUntrusted(text, where=where, hint="tarkpm index accept --help")
    return str(wanted.bound_to(claims))
