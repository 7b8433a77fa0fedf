"""Turn a fully signed proposal into a change of the index, with the signatures of the online key."""

from collections.abc import Mapping
from datetime import datetime

from securesystemslib.signer import Signature
from tuf.api.metadata import Root, Targets

from tarkpm.core.layout import INDEX, ROOT
from tarkpm.core.text import counted
from tarkpm.errors import IndexUntrusted
from tarkpm.registry.authority import Authority
from tarkpm.registry.change import IndexChange
from tarkpm.registry.draft import Draft
from tarkpm.registry.folder import Index, read_metadata
from tarkpm.registry.keys import Signer
from tarkpm.registry.proposal import Proposal, seal


def enact(
    index: Index | None, proposal: Proposal, draft: Draft, online: Signer, now: datetime, *, where: str
) -> IndexChange:
    """Return the change a proposal makes; raises `IndexUntrusted` unless enough different keys signed it."""
    # Checked again here, not only when it was reviewed: a proposal may have waited, and its file may have
    # been edited since.
    proposal.check_made(now, where=where)
    if missing := draft.missing(proposal.signers(draft, where=where)):
        raise IndexUntrusted(f"{counted(missing, 'more signature')} needed", where=where)
    change = IndexChange(index, now)
    # Documents before the metadata that lists them; `IndexChange.commit` writes them in a safe order.
    for path, data in draft.documents.items():
        change.document(path, data)
    for role, signed in draft.roles.items():
        if isinstance(signed, Root):
            change.root(seal(signed, ROOT, proposal.signatures))
        else:
            change.metadata(role, seal(signed, role, proposal.signatures))
    if proposal.authority and (index is None or index.authority.online != proposal.authority.online):
        _resign(index, proposal.authority, change, online)
    return change


def _resign(index: Index | None, authority: Authority, change: IndexChange, online: Signer) -> None:
    """Sign every index bin with the new online key: signatures of the old key no longer count."""
    for role in authority.bins(INDEX):
        change.bin(role, index.read_bin(role).targets if index else {}, online)


def in_force(index: Index, proposal: Proposal) -> bool:
    """Return whether a proposal was already enacted, so that only its file is left."""
    if proposal.authority is None:
        advised = all(index.advisory(one.id) == one for one in proposal.advisories)
        return advised and all(index.claim(claim.name) == claim for claim in proposal.claims)
    # Every change of an authority signs the role `index` again, and the timestamp makes it current, last.
    name = f"{index.versions[INDEX]}.{INDEX}.json"
    listed = read_metadata(index.folder, name, Targets).signatures
    return has_root(index, proposal) and _made(proposal, INDEX) <= _raw(listed)


def has_root(index: Index, proposal: Proposal) -> bool:
    """Return whether the newest root is that of a proposal; the rest of it may not be in force yet."""
    made = _made(proposal, ROOT)
    return bool(made) and made <= _raw(index.root.signatures)


def _made(proposal: Proposal, role: str) -> set[str]:
    return {by[role].hex() for by in proposal.signatures.values() if role in by}


def _raw(signatures: Mapping[str, Signature]) -> set[str]:
    return {signature.signature for signature in signatures.values()}
