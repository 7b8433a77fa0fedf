"""The keys that sign an index, and the TUF roles that express their authority.

Maintainers sign root, targets, claims and its bins, and the role ``index``; the online key signs index bins,
snapshot and timestamp. The two sets are disjoint: a thief of a shared key could sign a file of one role in
place of another (docs/decisions/0071-one-set-of-maintainers.md).
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Role,
    Root,
    Signed,
    SuccinctRoles,
    TargetFile,
    Targets,
)
from tuf.api.serialization.json import CanonicalJSONSerializer

from tarkpm.core.document import convert
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import (
    ADVISORIES_FIELD,
    CLAIMS,
    INDEX,
    LOG_FIELD,
    MAX_BITS,
    ROLE_FIELD,
    ROOT,
    SNAPSHOT,
    TIMESTAMP,
    TOP,
    advisories_path,
)
from tarkpm.core.release import PluginName, plugin_name
from tarkpm.core.tlog.log import LogKeys, log_keys
from tarkpm.errors import IndexUntrusted
from tarkpm.registry.keys import Quorum, quorum_of, tuf_key
from tarkpm.registry.lifetimes import OFFLINE

NAME_FIELD: Final = "x-tark-index"
"""The signed field of the root that contains the name of the index."""

MAX_MAINTAINERS: Final = 32


class Authority(msgspec.Struct, frozen=True):
    """The keys and thresholds of an index. Claims and rows are spread over 2^``bits`` bins each.

    ``log`` are the keys of its transparency log, if it has one.
    """

    name: PluginName
    maintainers: frozenset[PublicKey]
    threshold: int
    online: PublicKey
    bits: int
    log: LogKeys | None = None

    def problem(self) -> str:
        """Return what is wrong with this authority, in one sentence, or ""."""
        count = len(self.maintainers)
        if not 1 <= count <= MAX_MAINTAINERS:
            return f"expected 1 to {MAX_MAINTAINERS} maintainers, found {count}"
        if self.threshold < 1:
            return f"expected a threshold of 1 or more, found {self.threshold}"
        if self.threshold > count:
            return f"expected a threshold of at most {count} (the number of keys), found {self.threshold}"
        if not 1 <= self.bits <= MAX_BITS:
            return f"expected --bins between 1 and {MAX_BITS}, found {self.bits}"
        # The online key is in the forge, where it is easier to steal: a thief must not count as a maintainer.
        if self.online in self.maintainers:
            return f"{self.online} cannot be the online key: it is a maintainer's key"
        return self._problem_of_log()

    def _problem_of_log(self) -> str:
        if self.log is None:
            return ""
        # A witness that also signs for the index would attest what it made itself.
        witnesses = {one.key for one in self.log.witnesses}
        for key in sorted({self.log.key, *witnesses} & (self.maintainers | {self.online})):
            what = "a witness's key" if key in witnesses else "the key of the log"
            return f"{key} cannot be {what}: it signs for the index"
        return self.log.problem()

    @property
    def keys(self) -> frozenset[PublicKey]:
        """Every key that signs for the index."""
        return self.maintainers | {self.online} | ({self.log.key} if self.log else set())

    def part_of(self, key: PublicKey) -> str:
        """Return "the online key", "a maintainer's key", or "" for a key that does not sign for the index."""
        if key == self.online:
            return "the online key"
        if self.log and key == self.log.key:
            return "the key of the log"
        return "a maintainer's key" if key in self.maintainers else ""

    @property
    def offline(self) -> Quorum:
        """The quorum of the maintainers."""
        return Quorum(self.maintainers, self.threshold)

    def quorum(self, role: str) -> Quorum:
        """Return the quorum that signs a role's metadata."""
        if role in (SNAPSHOT, TIMESTAMP) or role.startswith(f"{INDEX}-"):
            return Quorum(frozenset([self.online]), 1)
        return self.offline

    def bins(self, parent: str) -> Iterator[str]:
        """Yield the names of the bins below `CLAIMS` or `INDEX`, in order."""
        yield from self._succinct(parent).get_roles()

    def bin(self, path: str) -> str:
        """Return the bin of a target path, by its hash (TUF TAP 15)."""
        parent = CLAIMS if path.startswith("publishers/") else INDEX
        role: str = self._succinct(parent).get_role_for_target(path)
        return role

    def bin_of(self, parent: str) -> Callable[[str], str]:
        """Return `bin` for many target paths below ``parent``."""
        find: Callable[[str], str] = self._succinct(parent).get_role_for_target
        return find

    def _succinct(self, parent: str) -> SuccinctRoles:
        quorum = self.quorum(f"{parent}-")
        return SuccinctRoles(_ids(quorum), quorum.threshold, self.bits, parent)

    def root(self, version: int, made: datetime) -> Root:
        """Return the root metadata of this authority."""
        maintainers, online = self.offline, self.quorum(TIMESTAMP)
        roles = {name: Role(_ids(maintainers), self.threshold) for name in (ROOT, TOP)}
        roles |= {name: Role(_ids(online), 1) for name in (SNAPSHOT, TIMESTAMP)}
        keys = _keys(Quorum(self.maintainers | {self.online}, 1))
        extra: dict[str, Any] = {NAME_FIELD: self.name}
        if self.log:
            extra[LOG_FIELD] = self.log.table()
        return Root(version, None, made + OFFLINE, keys, roles, True, extra)

    def delegation(self, role: str, version: int, made: datetime) -> Targets:
        """Return ``targets``, ``claims`` or ``index`` metadata with the delegations of this authority."""
        if role == TOP:
            ids, count = _ids(self.offline), self.threshold
            roles = {
                CLAIMS: DelegatedRole(CLAIMS, ids, count, True, ["publishers/*"]),
                INDEX: DelegatedRole(INDEX, ids, count, True, ["index/*"]),
            }
            delegations = Delegations(_keys(self.offline), roles)
        else:
            below = self.quorum(f"{role}-")
            delegations = Delegations(_keys(below), None, self._succinct(role))
        return targets(role, version, made + OFFLINE, {}, delegations)


def targets(
    role: str,
    version: int,
    expires: datetime,
    entries: dict[str, Any],
    delegations: Delegations | None = None,
) -> Targets:
    """Return targets metadata that names its own role.

    TUF metadata does not: without the name, one bin could be served in place of another.
    """
    return Targets(version, None, expires, entries, delegations, {ROLE_FIELD: role})


def _ids(quorum: Quorum) -> list[str]:
    return sorted(tuf_key(key).keyid for key in quorum.keys)


def _keys(quorum: Quorum) -> dict[str, Any]:
    return {key.keyid: key for key in sorted(map(tuf_key, quorum.keys), key=lambda key: key.keyid)}


def read_authority(root: Root, claims: Targets, *, where: str) -> Authority:
    """Read the authority from verified metadata; raises `IndexUntrusted` for any other shape."""
    try:
        quorums = {role: quorum_of(root.roles[role], root.keys, where=where) for role in root.roles}
        name = plugin_name(str(root.unrecognized_fields[NAME_FIELD]))
        succinct = claims.delegations and claims.delegations.succinct_roles
        bits = succinct.bit_length if succinct else 0
        (online,) = quorums[TIMESTAMP].keys
    except (KeyError, ValueError) as problem:
        raise IndexUntrusted(f"tarkpm cannot maintain this index: {problem}", where=where) from None
    table = root.unrecognized_fields.get(LOG_FIELD)
    log = None if table is None else log_keys(table, where=where)
    authority = Authority(name, quorums[ROOT].keys, quorums[ROOT].threshold, online, bits, log)
    if problem_ := authority.problem():
        raise IndexUntrusted(problem_, where=where)
    if quorums != {role: authority.quorum(role) for role in (ROOT, TOP, SNAPSHOT, TIMESTAMP)}:
        raise IndexUntrusted("expected roles signed by the maintainers and one online key", where=where)
    return authority


def check_delegation(authority: Authority, role: str, signed: Targets, *, where: str) -> None:
    """Raise `IndexUntrusted` unless the delegations have the authority's keys, thresholds and paths."""
    expected = authority.delegation(role, signed.version, signed.expires - OFFLINE)
    if role == CLAIMS:  # the only role that also lists advisories
        expected = with_parts(expected, parts_of(signed))
    if signed.to_dict() != expected.to_dict():
        raise IndexUntrusted(
            f"the delegations of '{role}' differ from the keys and bins of the root", where=where
        )


def parts_of(signed: Targets) -> list[TargetFile]:
    """Return the parts of the list of advisories that ``claims`` names. Raises `IndexUntrusted`."""
    raw = signed.unrecognized_fields.get(ADVISORIES_FIELD, [])
    parts = convert(raw, list[_ListPart], where=CLAIMS, error=IndexUntrusted)
    return [
        TargetFile(part.length, {"sha256": part.sha256}, advisories_path(number))
        for number, part in enumerate(parts)
    ]


def with_parts(claims: Targets, parts: Iterable[TargetFile]) -> Targets:
    """Return ``claims`` metadata that names these parts of the list of advisories; changes it in place."""
    if named := [{"length": part.length, "sha256": part.hashes["sha256"]} for part in parts]:
        claims.unrecognized_fields[ADVISORIES_FIELD] = named
    return claims


class _ListPart(msgspec.Struct, forbid_unknown_fields=True):
    length: int
    sha256: str


def payload(signed: Signed) -> bytes:
    """Return the bytes of metadata that are signed: canonical JSON (TUF specification, 4.1)."""
    return CanonicalJSONSerializer().serialize(signed)
