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
_ANY = PublicKey("")
"""Stands for an online key that is not known yet."""


class CreationPlan(msgspec.Struct, frozen=True):
    """What an index is to be. ``online`` None: a key is made for it here, under ``online_name``.

    ``online_name`` "" is the index's name and "-online", or, for a key that is given, whatever it has here.
    """

    name: PluginName
    bits: int
    maintainers: tuple[PublicKey, ...]
    threshold: int
    online: PublicKey | None = None
    online_name: str = ""

    def authority(self, online: PublicKey) -> Authority:
        """The authority with this online key; raises `TarkError` for one that could not be."""
        authority = Authority(self.name, frozenset(self.maintainers), self.threshold, online, self.bits)
        if problem := authority.problem():
            raise TarkError(problem, where="index create")
        return authority


def create(desk: Desk, plan: CreationPlan, keys: Sequence[str]) -> ProposalReport:
    """Propose an index, signed with the maintainers' keys that are here; make it if they are enough.

    Raises `Refused` where there is an index already, `TarkError` for maintainers who could not sign for it.
    """
    _check_empty(desk)
    if len(set(plan.maintainers)) != len(plan.maintainers):
        raise TarkError("one key is given twice as maintainer: a key counts once, whatever it is called")
    plan.authority(plan.online or _ANY)  # before a key is made for it
    signers = desk.maintainers(keys, plan.maintainers)
    name = plan.online_name if plan.online else plan.online_name or f"{plan.name}-online"
    authority = plan.authority(plan.online or new_online_key(desk, name))
    if not desk.settings.dry_run:
        desk.folder.mkdir(parents=True, exist_ok=True)
    business = propose(desk, None, Proposal("", desk.now, authority=authority), SLUG)
    with nullcontext() if desk.settings.dry_run else desk.changing():
        _check_empty(desk)  # somebody else may have been quicker
        report = settle(desk, business.with_signatures(signers), name)
    return report if plan.online else with_key_place(desk, report, name)


def _check_empty(desk: Desk) -> None:
    if (desk.folder / METADATA).exists():
        raise Refused("there is an index here already", where=str(desk.folder), hint=desk.command("check"))
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


def with_key_place(desk: Desk, report: ProposalReport, name: str) -> ProposalReport:
    """The report that also says where the online key's private half is: it may be wanted elsewhere."""
    row = ("online key is in", str(desk.keys.path(name)))
    return msgspec.structs.replace(report, changes=(*report.changes, row))
