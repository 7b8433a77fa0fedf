"""Maintain an index's search catalogue: daily as a whole, and with each release while it is small."""

import io
from collections.abc import Mapping
from typing import Final

from tarkpm.core import claim as claims
from tarkpm.core import rows
from tarkpm.core.claim import MAX_CLAIM, Claim
from tarkpm.core.layout import INDEX, SEARCH, claim_path
from tarkpm.core.rows import MAX_ROWS, Listing
from tarkpm.core.search import SearchEntry, entry_of, parse, render
from tarkpm.registry.change import IndexChange
from tarkpm.registry.folder import Index
from tarkpm.registry.keys import Signer

SMALL: Final = 64 * 1024
"""Up to this many bytes, the catalogue is rewritten with each release."""


def refresh_search(index: Index, change: IndexChange, online: Signer) -> None:
    """Rebuild the catalogue from all rows; writes nothing if it is unchanged."""
    data = render(entries(index))
    if data != index.search:
        change.update_bin(SEARCH, data, online)


def update_search(
    index: Index, change: IndexChange, listing: Listing, claim: Claim | None, online: Signer
) -> None:
    """Update one plugin's line, while the catalogue is small: a large one would be rewritten per release."""
    if index.search is not None and len(index.search) > SMALL:
        return
    known = parse(io.BytesIO(index.search), where=SEARCH) if index.search else ()
    lines = {entry.name: entry for entry in known}
    lines.pop(listing.name, None)
    if entry := entry_of(listing, claim):
        lines[listing.name] = entry
    change.update_bin(SEARCH, render(lines.values()), online)


def entries(index: Index) -> list[SearchEntry]:
    """Return the search entries of all plugins. Reads all rows, and the claims with revocations."""
    revoking = _revoking(index)
    found = []
    for path, target in index.entries(INDEX):
        if path == SEARCH:
            continue
        listing = rows.parse(index.read_target(path, target, MAX_ROWS), where=path)
        if entry := entry_of(listing, revoking.get(claim_path(listing.name))):
            found.append(entry)
    return found


def _revoking(index: Index) -> Mapping[str, Claim]:
    """Return the claims with revocations, by path; other claims are not parsed."""
    found: dict[str, Claim] = {}
    for path, target in index.claim_entries():
        data = index.read_target(path, target, MAX_CLAIM)
        if b'"revoked' in data:
            found[path] = claims.parse(data, where=path)
    return found
