"""Turn a fully signed proposal into a change of the index, with the signatures of the online key."""

from datetime import datetime

from tuf.api.metadata import Root

from tarkpm.core.layout import INDEX, ROOT
from tarkpm.core.text import counted
from tarkpm.errors import IndexUntrusted
from tarkpm.registry.authority import Authority
from tarkpm.registry.change import IndexChange
from tarkpm.registry.draft import Draft
from tarkpm.registry.folder import Index
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
    current = {signature.signature for signature in index.root.signatures.values()}
    made = {raw.hex() for by in proposal.signatures.values() for role, raw in by.items() if role == ROOT}
    return bool(made) and made <= current
