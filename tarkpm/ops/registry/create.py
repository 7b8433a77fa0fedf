"""``tarkpm index create``: create an index with a first root and empty bins."""

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
"""Placeholder for an online key that does not exist yet."""


class CreationPlan(msgspec.Struct, frozen=True):
    """The properties of a new index.

    If ``online`` is None, a new key named ``online_name`` is made here. ``online_name`` defaults to the name
    of the index and "-online"; for a given key, to the name the key has on this machine.
    """

    name: PluginName
    bits: int
    maintainers: tuple[PublicKey, ...]
    threshold: int
    online: PublicKey | None = None
    online_name: str = ""

    def authority(self, online: PublicKey) -> Authority:
        """Return the authority with this online key; raises `TarkError` for an impossible one."""
        authority = Authority(self.name, frozenset(self.maintainers), self.threshold, online, self.bits)
        if problem := authority.problem():
            raise TarkError(problem, where="index create")
        return authority


def create(desk: Desk, plan: CreationPlan, keys: Sequence[str]) -> ProposalReport:
    """Propose an index, signed with the maintainers' keys on this machine; create it if they are enough.

    Raises `Refused` if the folder already contains an index, `TarkError` for keys and a threshold that cannot
    sign for it.
    """
    _check_empty(desk)
    if len(set(plan.maintainers)) != len(plan.maintainers):
        raise TarkError("a maintainer's key is given twice: each key counts once")
    plan.authority(plan.online or _ANY)  # first, so that a plan that fails leaves no new key behind
    signers = desk.maintainers(keys, plan.maintainers)
    name = plan.online_name if plan.online else plan.online_name or f"{plan.name}-online"
    authority = plan.authority(plan.online or new_online_key(desk, name))
    if not desk.settings.dry_run:
        desk.folder.mkdir(parents=True, exist_ok=True)
    business = propose(desk, None, Proposal("", desk.now, authority=authority), SLUG)
    with nullcontext() if desk.settings.dry_run else desk.changing():
        _check_empty(desk)  # again, under the lock: another process may have created one
        report = settle(desk, business.with_signatures(signers), name)
    return report if plan.online else with_key_place(desk, report, name)


def _check_empty(desk: Desk) -> None:
    if (desk.folder / METADATA).exists():
        raise Refused(
            "the folder already contains an index", where=str(desk.folder), hint=desk.command("check")
        )
    file = desk.folder / PENDING / f"{SLUG}.json"
    if file.exists():
        hint = desk.command("countersign", str(file))
        raise Refused("the folder already contains a proposal to create an index", where=str(file), hint=hint)


def new_online_key(desk: Desk, name: str) -> PublicKey:
    """Return the online key of this name; make it if it does not exist. Raises `TarkError` in a dry run."""
    if name in desk.keys.names():
        return desk.signer(name).key
    if desk.settings.dry_run:
        raise TarkError(
            f"the online key '{name}' does not exist, and --dry-run does not make it",
            hint=f"tarkpm key generate --name {name}",
        )
    return desk.keys.generate(name)


def with_key_place(desk: Desk, report: ProposalReport, name: str) -> ProposalReport:
    """Add the path of the online key's private half to a report: it is usually moved to another machine."""
    row = ("online key is in", str(desk.keys.path(name)))
    return msgspec.structs.replace(report, changes=(*report.changes, row))
