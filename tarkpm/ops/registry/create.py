"""``tarkpm index create``: the first root of an index, and empty bins under it."""

from collections.abc import Sequence
from contextlib import nullcontext

import msgspec

from tarkpm.core.key import PublicKey
from tarkpm.core.layout import METADATA
from tarkpm.core.release import PluginName
from tarkpm.errors import Refused, TarkError
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import ProposalReport, propose, settle
from tarkpm.registry.authority import Authority
from tarkpm.registry.folder import PENDING
from tarkpm.registry.proposal import Proposal

SLUG = "create"


class Plan(msgspec.Struct, frozen=True):
    """What an index is to be. ``online`` None: a key is made for it here, under ``online_name``."""

    name: PluginName
    bits: int
    maintainers: tuple[PublicKey, ...]
    threshold: int
    online: PublicKey | None
    online_name: str


def create(desk: Desk, plan: Plan, keys: Sequence[str]) -> ProposalReport:
    """Propose an index, signed with the maintainers' keys that are here; make it if they are enough.

    Raises `Refused` where there is an index already, `TarkError` for maintainers who could not sign for it.
    """
    _check_empty(desk)
    if len(set(plan.maintainers)) != len(plan.maintainers):
        raise TarkError("one key is given twice as maintainer: a key counts once, whatever it is called")
    _check(plan, plan.online or plan.maintainers[0], online_known=plan.online is not None)
    online = plan.online or new_online_key(desk, plan.online_name)
    authority = Authority(plan.name, frozenset(plan.maintainers), plan.threshold, online, plan.bits)
    signers = desk.maintainers(keys, authority.maintainers)
    if not desk.settings.dry_run:
        desk.folder.mkdir(parents=True, exist_ok=True)
    business = propose(desk, None, Proposal("", desk.now, authority=authority), SLUG)
    with nullcontext() if desk.settings.dry_run else desk.changing():
        _check_empty(desk)  # somebody else may have been quicker
        return settle(desk, business.with_signatures(signers), plan.online_name)


def _check(plan: Plan, online: PublicKey, *, online_known: bool) -> None:
    """Find what is wrong with the maintainers before a key is made for them."""
    authority = Authority(plan.name, frozenset(plan.maintainers), plan.threshold, online, plan.bits)
    problem = authority.problem()
    if problem and (online_known or "online" not in problem):
        raise TarkError(problem, where="index create")


def _check_empty(desk: Desk) -> None:
    if (desk.folder / METADATA).exists():
        raise Refused("there is an index here already", where=str(desk.folder))
    file = desk.folder / PENDING / f"{SLUG}.json"
    if file.exists():
        hint = desk.command("countersign", str(file))
        raise Refused("an index is being made here already", where=str(file), hint=hint)


def new_online_key(desk: Desk, name: str) -> PublicKey:
    """Make the online key, or take the one of that name that is here."""
    if name in desk.keys.names():
        return desk.signer(name).key
    if desk.settings.dry_run:
        raise TarkError(
            f"the online key '{name}' has not been made yet, and --dry-run makes none",
            hint=f"tarkpm key generate --name {name}",
        )
    return desk.keys.generate(name)
