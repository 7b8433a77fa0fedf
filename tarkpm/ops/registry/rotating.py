"""``tarkpm index rotate root`` and ``rotate online``: replace the keys that sign for an index."""

from collections.abc import Sequence

import msgspec

from tarkpm.core.key import PublicKey
from tarkpm.errors import Refused
from tarkpm.ops.registry.create import new_online_key, with_key_place
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import ProposalReport, propose, settle
from tarkpm.registry.authority import Authority
from tarkpm.registry.folder import Index
from tarkpm.registry.keys import Signer
from tarkpm.registry.proposal import Proposal


def rotate_root(
    desk: Desk,
    add: Sequence[PublicKey],
    remove: Sequence[PublicKey],
    threshold: int | None,
    keys: Sequence[str],
) -> ProposalReport:
    """Propose other maintainers or another threshold; with neither, renew all signatures for a year.

    The old and the new maintainers must both reach their thresholds (TUF specification, 5.3.4). Raises
    `Refused` for keys or a threshold that do not fit.
    """
    with desk.changing():
        index = desk.open()
        before = index.authority
        for key in add:
            if key in before.maintainers:
                raise Refused(f"{key} is already a maintainer's key")
        for key in remove:
            if key not in before.maintainers:
                raise Refused(f"{key} is not a maintainer's key")
        maintainers = (before.maintainers | set(add)) - set(remove)
        needed = before.threshold if threshold is None else threshold
        wanted = msgspec.structs.replace(before, maintainers=maintainers, threshold=needed)
        signers = desk.maintainers(keys, before.maintainers | wanted.maintainers)
        return _decide(desk, index, wanted, "rotate-root", signers)


def rotate_online(
    desk: Desk, online: PublicKey | None, online_name: str, keys: Sequence[str]
) -> ProposalReport:
    """Propose another online key, made here under ``online_name`` unless ``online`` is given.

    Raises `Refused` for the current online key.
    """
    with desk.changing():
        index = desk.open()
        signers = desk.maintainers(
            keys, index.authority.maintainers
        )  # first, so that a failure leaves no new key behind
        name = online_name or f"{index.name}-online-{index.root.signed.version + 1}"
        key = online or new_online_key(desk, name)
        if key == index.authority.online:
            raise Refused(f"{key} is already the online key", hint=desk.command("rotate", "online"))
        wanted = msgspec.structs.replace(index.authority, online=key)
        report = _decide(desk, index, wanted, "rotate-online", signers)
    return report if online else with_key_place(desk, report, name)


def _decide(desk: Desk, index: Index, wanted: Authority, slug: str, signers: list[Signer]) -> ProposalReport:
    if problem := wanted.problem():
        raise Refused(problem, where=str(desk.folder))
    business = propose(desk, index, Proposal(index.first_root, desk.now, authority=wanted), slug)
    return settle(desk, business.with_signatures(signers))
