"""``tarkpm index countersign``: review a proposal and add a signature."""

from collections.abc import Sequence
from pathlib import Path

from tarkpm.core.key import PublicKey
from tarkpm.core.layout import METADATA
from tarkpm.errors import NotFound
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import ProposalReport, agree, consider, pending, read, settle
from tarkpm.registry.authority import Authority
from tarkpm.registry.folder import Index


def countersign(
    desk: Desk, ui: Ui, file: Path | None, keys: Sequence[str], agreed: str
) -> list[ProposalReport]:
    """Show and sign one proposal, or every proposal in ``pending/``.

    What is shown and signed is computed from this copy of the index, never taken from the proposal. Raises
    `IndexUntrusted` for a proposal that does not fit the index, `ConsentError` without agreement, and
    `NotFound` if no proposal waits.
    """
    with desk.changing():
        files = [file] if file else pending(desk)
        if not files:
            raise NotFound("no proposal is waiting here", where=str(desk.folder), hint=desk.command("check"))
        return [_one(desk, ui, one, keys, agreed) for one in files]


def _one(desk: Desk, ui: Ui, file: Path, keys: Sequence[str], agreed: str) -> ProposalReport:
    index = desk.open() if (desk.folder / METADATA).is_dir() else None
    business = consider(desk, index, read(file), file)
    signed_by = business.signed_by()
    # Fully signed: one more signature changes nothing, but the online key may be here to enact it.
    if business.missing() == 0:
        return settle(desk, business)
    allowed = _maintainers(index, business.proposal.authority)
    signers = [one for one in desk.maintainers(keys, allowed) if one.key not in signed_by]
    if not signers or desk.settings.dry_run:
        return settle(desk, business)
    # Nothing is signed without showing it first: a proposal file is untrusted input.
    agree(desk, ui, business, signed_by, agreed)
    return settle(desk, business.with_signatures(signers))


def _maintainers(index: Index | None, wanted: Authority | None) -> frozenset[PublicKey]:
    before: frozenset[PublicKey] = index.authority.maintainers if index else frozenset()
    return before | (wanted.maintainers if wanted else frozenset())
