"""``tarkpm index log init``, and what other verbs of maintainers do with the log of their index."""

from collections.abc import Sequence

import msgspec

from tarkpm.core.key import PublicKey
from tarkpm.core.layout import COSIGNED
from tarkpm.core.release import PluginName
from tarkpm.core.rows import ReleaseRow
from tarkpm.core.tlog.log import LogKeys, log_origin
from tarkpm.core.tlog.note import NoteKey
from tarkpm.errors import IndexUntrusted, NotFound, Refused
from tarkpm.ops.registry.create import new_online_key
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import DONE, ProposalReport, propose, settle
from tarkpm.registry.change import IndexChange
from tarkpm.registry.folder import Index
from tarkpm.registry.keys import Signer
from tarkpm.registry.log import IndexLog
from tarkpm.registry.logged import log_rows, reissue
from tarkpm.registry.proposal import Proposal
from tarkpm.registry.witnessed import Witnessed, take_cosignatures
from tarkpm.store.logs import Logs

SLUG = "log"


class LogPlan(msgspec.Struct, frozen=True):
    """What maintainers want of the log.

    ``key`` is made here as ``key_name`` if it is None. ``witnesses`` are added, those named in ``remove``
    leave. ``quorum`` stays as it is if it is None.
    """

    key: PublicKey | None = None
    key_name: str = ""
    witnesses: tuple[NoteKey, ...] = ()
    remove: tuple[str, ...] = ()
    quorum: int | None = None

    def keys(self, origin: str, key: PublicKey, before: LogKeys | None) -> LogKeys:
        """Return the keys of the log after this change. Raises `Refused` for a witness that is not there."""
        known = {one.name: one for one in before.witnesses} if before else {}
        for name in self.remove:
            if known.pop(name, None) is None:
                raise Refused(f"'{name}' is not a witness of the log")
        known |= {one.name: one for one in self.witnesses}
        quorum = self.quorum if self.quorum is not None else before.quorum if before else 0
        return LogKeys(origin, key, tuple(known.values()), quorum)


def log_init(desk: Desk, plan: LogPlan, keys: Sequence[str]) -> ProposalReport:
    """Propose a log for the index, or other witnesses or another quorum for the one it has.

    All releases are logged when the proposal comes into force. Raises `Refused` for another key of a log that
    exists, for keys and a quorum that do not fit, and if nothing would change.
    """
    with desk.changing():
        index = desk.open()
        signers = desk.maintainers(keys, index.authority.maintainers)  # first: a failure leaves no new key
        before = index.authority.log
        if before and plan.key not in (None, before.key):
            hint = desk.command("rotate", "log", "--log", str(plan.key))
            raise Refused(
                f"the log of this index has the key {before.key}", where=str(desk.folder), hint=hint
            )
        name = plan.key_name or f"{index.name}-log"
        key = before.key if before else plan.key or new_online_key(desk, name)
        log = plan.keys(log_origin(index.name, index.first_root), key, before)
        if before == log:
            raise Refused(
                "the index has this log already", where=str(desk.folder), hint=desk.command("log", "check")
            )
        report = _decide(desk, index, log, signers)
    return report if plan.key or before else _with_place(desk, report, name)


def rotate_log(desk: Desk, key: PublicKey | None, key_name: str, keys: Sequence[str]) -> ProposalReport:
    """Propose another key of the log, made here under ``key_name`` unless ``key`` is given.

    The tree stays as it is, and goes on. Raises `NotFound` for an index without a log, and `Refused`.
    """
    with desk.changing():
        index = desk.open()
        signers = desk.maintainers(keys, index.authority.maintainers)
        before = index.authority.log
        if before is None:
            hint = desk.command("log", "init")
            raise NotFound("the index has no log", where=str(desk.folder), hint=hint)
        name = key_name or f"{index.name}-log-{index.root.signed.version + 1}"
        new = key or new_online_key(desk, name)
        if new == before.key:
            raise Refused(f"{new} is already the key of the log", hint=desk.command("rotate", "log"))
        report = _decide(desk, index, msgspec.structs.replace(before, key=new), signers)
    return report if key else _with_place(desk, report, name)


def _decide(desk: Desk, index: Index, log: LogKeys, signers: list[Signer]) -> ProposalReport:
    wanted = msgspec.structs.replace(index.authority, log=log)
    if problem := wanted.problem():
        raise Refused(problem, where=str(desk.folder))
    business = propose(desk, index, Proposal(index.first_root, desk.now, authority=wanted), SLUG)
    report = settle(desk, business.with_signatures(signers))
    if report.state == DONE and not desk.settings.dry_run:
        remember_log(desk, desk.open())
    return report


def _with_place(desk: Desk, report: ProposalReport, name: str) -> ProposalReport:
    """Add the path of the private half to a report: it is usually moved to another machine."""
    place = ("key of the log is in", str(desk.keys.path(name)))
    return msgspec.structs.replace(report, changes=(*report.changes, place))


def log_release(
    desk: Desk, index: Index, change: IndexChange, name: PluginName, row: ReleaseRow
) -> ReleaseRow:
    """Return a row with the proof that its release is in the log, as of this change; as it is without a log.

    Raises `IndexUntrusted` for a damaged log, and `Refused` for one that is older than this machine has seen.
    """
    keys = index.authority.log
    if keys is None:
        return row
    log = IndexLog(index.folder, keys)
    check_newest(desk, index, log)
    (logged,) = log_rows(log, change, desk.require_log(keys.key), [(name, row)])
    return logged


def check_newest(desk: Desk, index: Index, log: IndexLog) -> None:
    """Raise `Refused` if a folder's log is not the newest that this machine has seen, or another one.

    A copy from a backup would be continued with other entries: the log would sign two trees of one size.
    """
    seen = _logs(desk).read(index.first_root)
    if seen is None or seen.keys.origin != log.keys.origin:
        return
    known = seen.checkpoint
    if known.size > log.size or log.root_at(known.size) != known.root:
        found = f"{known.size:,} entries were seen on this machine, here are {log.size:,}"
        raise Refused(
            f"this is not the newest copy of the log, or another one: {found}",
            where=log.where,
            hint="update your copy of the index: git pull",
        )


def cosign_rows(index: Index, change: IndexChange, online: Signer) -> tuple[Witnessed, int]:
    """Put waiting cosignatures into the proofs of rows; returns what was taken, and the number of rows.

    A proof is only replaced by one that more witnesses have seen.
    """
    keys = index.authority.log
    if keys is None:
        return Witnessed(None), 0
    try:
        log = IndexLog(index.folder, keys)
        log.check_edge()
        seen = take_cosignatures(log)
    except IndexUntrusted as problem:
        # The index stays fresh: `check` and `accept` report a damaged log.
        return Witnessed(None, notes=(problem.message,)), 0
    best = seen.checkpoint
    if best is None:
        return seen, 0
    files = {COSIGNED: best.text.encode()}
    current = log.checkpoint
    # Users of the newest tree see its cosignatures, too.
    same = current is not None and current.same_tree(best)
    change.log(files, best.text.encode() if same else b"")
    return seen, reissue(index, change, log, best, online)


def remember_log(desk: Desk, index: Index) -> None:
    """Keep the checkpoint of an index in state, once it is written."""
    keys = index.authority.log
    if keys and (checkpoint := IndexLog(index.folder, keys).checkpoint):
        _logs(desk).remember(index.first_root, keys, checkpoint, {}, desk.settings.lock_seconds)


def _logs(desk: Desk) -> Logs:
    return Logs(desk.settings.paths.state)
