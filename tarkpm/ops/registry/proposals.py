"""Proposals: written, reviewed, signed, and enacted once enough maintainers have signed."""

from contextlib import suppress
from pathlib import Path

import msgspec

from tarkpm.core.claim import Claim
from tarkpm.core.release import PluginName
from tarkpm.errors import ConsentError, IndexUntrusted, NotFound, Refused, TarkError
from tarkpm.io.files import atomic_write, read_file
from tarkpm.ops.project.ui import Card, CardRow, Ui
from tarkpm.ops.registry.desk import Desk
from tarkpm.registry.draft import Draft
from tarkpm.registry.enact import enact, in_force
from tarkpm.registry.folder import PENDING, Index, open_index
from tarkpm.registry.keys import Signer
from tarkpm.registry.logged import log_everything
from tarkpm.registry.proposal import MAX_PROPOSAL, Proposal, parse, render
from tarkpm.registry.review import Review, review_authority, review_claims
from tarkpm.registry.review_advisories import review_advisories

WAITING, COMPLETE, DONE = "waiting", "complete", "in force"


class ProposalReport(msgspec.Struct, frozen=True):
    """A proposal's changes and progress. ``state`` is waiting, complete or in force.

    ``digest`` identifies the bytes that are signed. ``root`` is the digest of the index's first root, or "".
    """

    title: str
    changes: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    digest: str
    file: str
    signed_by: tuple[str, ...]
    missing: int
    state: str
    root: str
    next: str


class Business(msgspec.Struct, frozen=True):
    """A proposal applied to the current index: its effect, and the bytes to sign."""

    index: Index | None
    proposal: Proposal
    draft: Draft
    review: Review
    file: Path

    @property
    def where(self) -> str:
        """The file, for errors."""
        return str(self.file)

    def signed_by(self) -> tuple[str, ...]:
        """Return who signed, sorted; raises `IndexUntrusted` for a signature over other bytes."""
        return tuple(sorted(self.proposal.signers(self.draft, where=self.where)))

    def missing(self) -> int:
        """Return how many more must sign; raises `IndexUntrusted` for a signature over other bytes."""
        return self.draft.missing(self.proposal.signers(self.draft, where=self.where))

    def with_signatures(self, signers: list[Signer]) -> "Business":
        """Return this business with more maintainers' signatures."""
        proposal = self.proposal
        for signer in signers:
            proposal = proposal.signed(self.draft, signer)
        return msgspec.structs.replace(self, proposal=proposal)


def consider(desk: Desk, index: Index | None, proposal: Proposal, file: Path) -> Business:
    """Compute the effect of a proposal on this index; raises `IndexUntrusted` and `Refused`."""
    where = str(file)
    # An old proposal may no longer be what its signers want; a future one would outlive its limit.
    proposal.check_made(desk.now, where=where)
    if proposal.index != (index.first_root if index else ""):
        text = f"the proposal is for another index: {proposal.index or 'a new one'}"
        raise IndexUntrusted(text, where=where, hint="name the folder of that index: --index DIR")
    if proposal.authority:
        review = review_authority(index, proposal.authority)
    elif proposal.advisories:
        assert index is not None
        review = review_advisories(index, proposal.advisories, proposal.made, where=where)
    else:
        assert index is not None
        waiting = _claimed_elsewhere(desk, index, file)
        review = review_claims(index, proposal.claims, proposal.made, waiting, where=where)
    return Business(index, proposal, proposal.draft(index), review, file)


def _claimed_elsewhere(desk: Desk, index: Index, file: Path) -> list[PluginName]:
    """Return the new names other proposals claim. Invalid proposals are skipped: they cannot be enacted."""
    names = []
    for other in pending(desk):
        if other != file:
            with suppress(TarkError):
                names += [one.name for one in read(other).claims if index.claim(one.name) is None]
    return names


def propose(desk: Desk, index: Index | None, proposal: Proposal, slug: str) -> Business:
    """Return a new proposal; raises `IndexUntrusted` if a waiting one changes the same metadata.

    Both would be signed as the same next version, so that enacting one invalidates the other. If the waiting
    one decides the same, an interrupted command left it: it is returned, with the signatures it has.
    """
    file = desk.folder / PENDING / f"{slug}.json"
    business = consider(desk, index, proposal, file)
    for other in pending(desk):
        if index is None:
            break
        waiting = read(other)
        roles = set(waiting.draft(index).roles) & set(business.draft.roles)
        # A proposal that is in force changes nothing any more; only its file is left.
        if roles and not in_force(index, waiting):
            if other == file and waiting.decides_as(proposal):
                return consider(desk, index, waiting, file)
            raise IndexUntrusted(
                f"another waiting proposal changes the same file ({min(roles)})",
                where=str(other),
                hint=f"delete the proposal, or: {desk.command('countersign', str(other))}",
            )
    return business


def settle(desk: Desk, business: Business, online_name: str = "") -> ProposalReport:
    """Enact a fully signed proposal if the online key is here; otherwise leave it in ``pending/``.

    The proposal is always written there first, so that `refresh` can finish an interrupted enactment. With
    --dry-run nothing is written.
    """
    signed_by = business.signed_by()
    missing = business.missing()
    authority = business.proposal.authority or (business.index.authority if business.index else None)
    assert authority is not None
    # Only a fully signed proposal needs the online key, which usually is on another machine.
    online = None if missing else desk.online(authority.online, online_name)
    if desk.settings.dry_run:
        return _report(business, signed_by, missing, COMPLETE if not missing else WAITING, desk)
    business.file.parent.mkdir(parents=True, exist_ok=True)
    # Before enacting: from this file an interrupted enactment is finished.
    atomic_write(business.file, render(business.proposal))
    if online is None:
        return _report(business, signed_by, missing, WAITING if missing else COMPLETE, desk)
    carry_out(desk, business, online)
    return _report(business, signed_by, 0, DONE, desk)


def carry_out(desk: Desk, business: Business, online: Signer) -> None:
    """Apply a fully signed proposal to the index, then delete its file."""
    index, wanted = business.index, business.proposal.authority
    change = enact(index, business.proposal, business.draft, online, desk.now, where=business.where)
    before = index.authority.log if index else None
    if index and wanted and wanted.log and (before is None or before.key != wanted.log.key):
        log_everything(index, change, wanted.log, desk.require_log(wanted.log.key), online)
    change.commit(desk.folder, online)
    business.file.unlink(missing_ok=True)
    with suppress(OSError):  # other proposals are waiting there
        business.file.parent.rmdir()


def _report(
    business: Business, signed_by: tuple[str, ...], missing: int, state: str, desk: Desk
) -> ProposalReport:
    review = business.review
    next_ = "" if state == DONE else next_step(desk, business)
    root = business.index.first_root if business.index else ""
    if state == DONE and not root:
        root = open_index(desk.folder).first_root
    return ProposalReport(
        review.title,
        review.rows,
        review.warnings,
        business.draft.digest(),
        "" if state == DONE else str(business.file),
        signed_by,
        missing,
        state,
        root,
        next_,
    )


def next_step(desk: Desk, business: Business) -> str:
    """Return the command that brings a waiting proposal forward."""
    if business.missing():
        return desk.command("countersign", str(business.file))
    return f"{desk.command('refresh')}, on the machine with the online key"


def check_settled(desk: Desk, index: Index, name: PluginName) -> None:
    """Raise `Refused` while a waiting proposal changes who may publish a plugin.

    The proposal lists the old key's releases that stay valid. One accepted since would be missing from it.
    """
    before = index.claim(name)
    for file in pending(desk):
        problem = None
        with suppress(TarkError):  # an invalid proposal cannot be enacted, so it blocks nothing
            proposal = read(file)
            if any(claim.name == name and _says_who(before, claim) for claim in proposal.claims):
                business = consider(desk, index, proposal, file)
                what = f"a new publisher's key of '{name}'" if before else f"the claim of '{name}'"
                text = f"{what} is proposed and not in force yet"
                problem = Refused(text, where=str(file), hint=next_step(desk, business))
        if problem:
            raise problem


def _says_who(before: Claim | None, after: Claim) -> bool:
    return before is None or (before.key, before.retired) != (after.key, after.retired)


def pending(desk: Desk) -> list[Path]:
    """Return the files of the waiting proposals, sorted by name."""
    return sorted((desk.folder / PENDING).glob("*.json"))


def read(file: Path) -> Proposal:
    """Read a proposal; raises `NotFound` and `IndexUntrusted`."""
    try:
        return parse(read_file(file, MAX_PROPOSAL), where=str(file))
    except FileNotFoundError:
        raise NotFound("the proposal does not exist", where=str(file)) from None


def agree(desk: Desk, ui: Ui, business: Business, signed_by: tuple[str, ...], agreed: str) -> None:
    """Show what would be signed and ask for agreement; raises `ConsentError` without it.

    ``agreed`` is the digest of `Draft.digest` that was agreed to on the command line, or "" to prompt.
    """
    digest = business.draft.digest()
    signers = ", ".join(signed_by) or "nobody"
    facts = (*business.review.rows, ("signed so far by", signers), ("digest", digest))
    rows = tuple(CardRow(label, text) for label, text in facts)
    ui.show([Card(business.review.title, rows, business.review.warnings)])
    if agreed:
        if agreed != digest:
            raise ConsentError(f"--agree is {agreed}, but this would sign {digest}", where=business.where)
    elif not ui.interactive:
        raise ConsentError(
            "signing this proposal requires agreement",
            where=business.where,
            hint=desk.command("countersign", business.where, "--agree", digest),
        )
    elif not ui.confirm("Sign this?"):
        raise ConsentError("the proposal was not signed", where=business.where)
