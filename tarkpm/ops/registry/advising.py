"""``tarkpm index advise``: advisories, as maintainers' decisions."""

from collections.abc import Callable, Sequence

import msgspec

from tarkpm.core.advisory import Advisory, Severity, Span, affects
from tarkpm.core.osv import MAX_RELEASES
from tarkpm.core.release import PluginName
from tarkpm.errors import NotFound, Refused
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import ProposalReport, propose, settle
from tarkpm.registry.folder import Index
from tarkpm.registry.lifetimes import to_text
from tarkpm.registry.proposal import Proposal


class Advice(msgspec.Struct, frozen=True):
    """What maintainers say about a plugin. ``summary`` may be empty."""

    id: str
    name: PluginName
    spans: tuple[Span, ...]
    severity: Severity
    summary: str
    references: tuple[str, ...]


def advise(desk: Desk, advice: Advice, keys: Sequence[str]) -> ProposalReport:
    """Propose an advisory, or a change of the one with this id.

    Raises `Refused` for a plugin that is not claimed and for a text that could mislead a reader.
    """

    def wanted(index: Index) -> Advisory:
        before, now = index.advisory(advice.id), to_text(desk.now)
        said = Advisory(
            advice.id,
            advice.name,
            index.first_root,
            advice.severity,
            advice.summary,
            before.published if before else now,
            now,
            spans=advice.spans,
            references=advice.references,
        )
        # The releases too, so that the very same release is recognized when it comes from git.
        rows = [row for row in index.listing(advice.name).rows if affects(said, said.name, row.version)]
        releases = sorted(row.statement.sha256 for row in rows[-MAX_RELEASES:])
        return msgspec.structs.replace(said, releases=tuple(releases))

    return _decide(desk, wanted, f"advise-{advice.id}", keys)


def withdraw(desk: Desk, id_: str, keys: Sequence[str]) -> ProposalReport:
    """Propose to withdraw an advisory. It stays listed, so that clients learn of it.

    Raises `NotFound` for an unknown id, and `Refused` if it is withdrawn already.
    """

    def wanted(index: Index) -> Advisory:
        before, now = index.advisory(id_), to_text(desk.now)
        if before is None:
            raise NotFound(
                f"the index has no advisory {id_}", where=str(desk.folder), hint=desk.command("status")
            )
        if before.withdrawn:
            raise Refused(f"{id_} was withdrawn on {before.withdrawn}", hint=desk.command("status"))
        return msgspec.structs.replace(before, modified=now, withdrawn=now)

    return _decide(desk, wanted, f"withdraw-{id_}", keys)


def _decide(
    desk: Desk, wanted: Callable[[Index], Advisory], slug: str, keys: Sequence[str]
) -> ProposalReport:
    with desk.changing():
        index = desk.open()
        signers = desk.maintainers(keys, index.authority.maintainers)
        proposal = Proposal(index.first_root, desk.now, advisories=(wanted(index),))
        business = propose(desk, index, proposal, slug)
        return settle(desk, business.with_signatures(signers))
