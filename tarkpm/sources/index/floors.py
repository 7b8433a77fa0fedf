"""Refuse maintainers' metadata that is older than a version seen before.

A holder of the online key can list any version that maintainers ever signed, for example a claim from before
a revocation, and tuf remembers newer versions only in the cache. So state remembers them as well
(docs/trust-rules.md, rule 8).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from tuf.api.metadata import Signed, SuccinctRoles, Targets

from tarkpm.core.layout import CLAIMS, INDEX, PUBLISHERS, ROOT, TOP
from tarkpm.errors import IndexStale, IndexUntrusted
from tarkpm.sources.index.engine import Updater

# `_used` adds the bins of claims. Index bins, the snapshot and the timestamp are left out: they are signed
# by the online key, whose holder can sign any version.
SIGNED_OFFLINE: Final = (ROOT, TOP, CLAIMS, INDEX)


class Floors:
    """Versions by role. A bin of claims is named with the number of bits that select it: ``claims-3/10``.

    ``seen`` are the versions this session used. They are compared, not the names that a snapshot lists: the
    online key signs the snapshot.
    """

    def __init__(self, before: Mapping[str, int], where: str, *, frozen: bool = False) -> None:
        self._before, self._where, self._frozen = before, where, frozen
        self.seen: dict[str, int] = {}

    def check(self, updater: Updater, paths: Iterable[str]) -> None:
        """Raise unless all metadata that led to these paths is at least as new as the versions seen before.

        Raises `IndexStale`, and `IndexUntrusted` if the number of bins of claims changed: a name would then
        mean another bin. Maintainers fix this number when they create an index.
        """
        for role, signed in self._used(updater, paths).items():
            plain = role.partition("/")[0]  # the name written by older versions of tarkpm
            floor = max(self._before.get(role, 0), self._before.get(plain, 0))
            if signed.version < floor:
                what = f"{plain} version {signed.version}, seen {floor}"
                raise stale(what, self._where, frozen=self._frozen)
            self.seen[role] = signed.version

    def used(self, updater: Updater, paths: Iterable[str]) -> list[Signed]:
        """Return the maintainers' metadata that led to these paths."""
        return list(self._used(updater, paths).values())

    def _used(self, updater: Updater, paths: Iterable[str]) -> dict[str, Signed]:
        """Return the metadata that tuf used, by the role for which it used it."""
        used = {role: signed for role in SIGNED_OFFLINE if (signed := updater.used(role))}
        if bins := _bins(used.get(CLAIMS)):
            self._check_spread(bins.bit_length)
            names = {bins.get_role_for_target(path) for path in paths if path.startswith(PUBLISHERS)}
            used |= {f"{name}/{bins.bit_length}": bin_ for name in names if (bin_ := updater.used(name))}
        return used

    def _check_spread(self, bits: int) -> None:
        before = {int(role.partition("/")[2]) for role in self._before if "/" in role} - {bits}
        if before:
            text = f"expected claims in 2^{min(before)} bins as before, found 2^{bits}"
            raise IndexUntrusted(text, where=self._where)


def _bins(claims: Signed | None) -> SuccinctRoles | None:
    delegations = claims.delegations if isinstance(claims, Targets) else None
    return delegations.succinct_roles if delegations else None


def stale(what: str, where: str, *, frozen: bool = False) -> IndexStale:
    """Return the error for a server, or a ``frozen`` place, with older metadata than was seen before."""
    if frozen:
        text = f"what was kept of the index is older than a version seen before ({what})"
        return IndexStale(text, where=where, hint="run it with a network: tarkpm sync")
    return IndexStale(
        f"stale mirror: its metadata is older than a version seen before ({what})",
        where=where,
        hint="try again later, or ask the index's maintainers for another mirror",
    )
