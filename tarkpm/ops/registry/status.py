"""``tarkpm index status``: who signs an index, when signatures expire, and which proposals wait for whom."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from tarkpm.core.key import PublicKey
from tarkpm.core.layout import CLAIMS, INDEX, METADATA, ROOT, SNAPSHOT, TIMESTAMP
from tarkpm.errors import NotFound, TarkError
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import Business, consider, next_step, pending, read
from tarkpm.registry.authority import Authority
from tarkpm.registry.folder import Index
from tarkpm.registry.lifetimes import to_text


class Signatory(msgspec.Struct, frozen=True):
    """A key that signs for an index.

    ``label`` is the name under which the key is kept on this machine, or "". ``here`` is whether its private
    half is here.
    """

    key: str
    label: str
    here: bool


class RoleStatus(msgspec.Struct, frozen=True):
    """Signed metadata: when it expires (UTC), and the whole days until then, negative after it.

    A role that stands for many bins, such as ``claims bins``, has the earliest expiry of them; ``version`` is
    0 then. ``signed_by`` is maintainers or online key.
    """

    role: str
    signed_by: str
    version: int
    expires: str
    days: int


class PendingStatus(msgspec.Struct, frozen=True):
    """A waiting proposal: who signed it, how many signatures are missing, and who may still give one.

    ``problem`` says why an invalid one cannot be enacted; the rest is empty then.
    """

    file: str
    title: str = ""
    signed_by: tuple[Signatory, ...] = ()
    missing: int = 0
    may_sign: tuple[Signatory, ...] = ()
    next: str = ""
    problem: str = ""


class IndexStatus(msgspec.Struct, frozen=True):
    """The status of an index. Before it is created, ``root`` is "" and there are only proposals.

    ``advisories`` counts those in force, ``withdrawn_advisories`` those that were withdrawn.
    """

    name: str
    root: str
    threshold: int
    maintainers: tuple[Signatory, ...]
    online: Signatory | None
    roles: tuple[RoleStatus, ...]
    pending: tuple[PendingStatus, ...]
    advisories: int = 0
    withdrawn_advisories: int = 0


def status(desk: Desk) -> IndexStatus:
    """Return the status of the index in the desk's folder; changes nothing and needs no key.

    Raises `NotFound` if the folder contains neither an index nor a proposal to create one, and
    `IndexUntrusted`.
    """
    index = desk.open() if (desk.folder / METADATA).is_dir() else None
    waiting = pending(desk)
    if index is None and not waiting:
        desk.open()  # raises
        raise NotFound("the folder does not contain an index", where=str(desk.folder))
    labels = desk.keys.labels()
    owners = _Signatories(labels, desk.keys.names_of(labels))
    found = tuple(_pending(desk, index, file, owners) for file in waiting)
    authority = index.authority if index else _proposed(waiting)
    if authority is None:
        return IndexStatus("", "", 0, (), None, (), found)
    return IndexStatus(
        authority.name,
        index.first_root if index else "",
        authority.threshold,
        owners.of(authority.maintainers),
        owners.one(authority.online),
        tuple(_roles(index, desk.now)) if index else (),
        found,
        *(_advisories(index) if index else (0, 0)),
    )


def _advisories(index: Index) -> tuple[int, int]:
    """Return how many advisories are in force, and how many were withdrawn."""
    ids = [id_ for part in index.advisory_parts for rows in part.values() for id_ in rows]
    withdrawn = sum(bool(one and one.withdrawn) for one in map(index.advisory, ids))
    return len(ids) - withdrawn, withdrawn


class _Signatories:
    """Keys as this machine knows them."""

    def __init__(self, labels: Mapping[PublicKey, str], here: Collection[PublicKey]) -> None:
        self._labels, self._here = labels, here

    def one(self, key: PublicKey) -> Signatory:
        return Signatory(key, self._labels.get(key, ""), key in self._here)

    def of(self, keys: Iterable[PublicKey]) -> tuple[Signatory, ...]:
        """Return the owners of keys: labelled ones first, by label, then the others."""
        return tuple(sorted(map(self.one, keys), key=lambda one: (not one.label, one.label, one.key)))


def _proposed(files: Iterable[Path]) -> Authority | None:
    """Return the authority of the first valid proposal to create an index."""
    for file in files:
        try:
            return read(file).authority
        except TarkError:
            continue
    return None


def _roles(index: Index, now: datetime) -> Iterator[RoleStatus]:
    """Yield the metadata of an index, maintainers' first."""

    def row(role: str, by: str, version: int, expires: datetime) -> RoleStatus:
        return RoleStatus(role, by, version, to_text(expires), (expires - now).days)

    for role, signed in {ROOT: index.root.signed, **index.delegations}.items():
        yield row(role, "maintainers", signed.version, signed.expires)
    # All bins of a kind are one row, with the expiry of the first: there may be thousands.
    for parent, by in ((CLAIMS, "maintainers"), (INDEX, "online key")):
        bins = map(index.read_bin, index.authority.bins(parent))
        yield row(f"{parent} bins", by, 0, min(bin_.expires for bin_ in bins))
    for role, online in ((SNAPSHOT, index.snapshot), (TIMESTAMP, index.timestamp)):
        yield row(role, "online key", online.version, online.expires)


def status_of_pending(desk: Desk, index: Index) -> tuple[PendingStatus, ...]:
    """Return the proposals that wait in the desk's folder, without names of keys."""
    owners = _Signatories({}, ())
    return tuple(_pending(desk, index, file, owners) for file in pending(desk))


def _pending(desk: Desk, index: Index | None, file: Path, owners: _Signatories) -> PendingStatus:
    try:
        business: Business = consider(desk, index, read(file), file)
        signed = business.signed_by()
        missing = business.missing()
    except TarkError as problem:
        return PendingStatus(str(file), problem=problem.message)
    allowed = {key for all_ in business.draft.quorums.values() for quorum in all_ for key in quorum.keys}
    return PendingStatus(
        str(file),
        business.review.title,
        owners.of(PublicKey(key) for key in signed),
        missing,
        owners.of(allowed - {PublicKey(key) for key in signed}) if missing else (),
        next_step(desk, business),
    )
