"""What maintainers signed, in versions that were seen before: an older one is not believed again.

Whoever holds the online key may list any version that maintainers ever signed, of a claim from before a
revocation for example, and tuf remembers in the cache alone what is newer. So state remembers it, too.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from tuf.api.metadata import Signed, SuccinctRoles, Targets

from tarkpm.core.layout import CLAIMS, INDEX, PUBLISHERS, ROOT, TOP
from tarkpm.errors import IndexStale, IndexUntrusted
from tarkpm.sources.index.engine import Updater

SIGNED_OFFLINE: Final = (ROOT, TOP, CLAIMS, INDEX)


class Floors:
    """Versions by role; a bin of claims with the bits of a path's digest that choose one: ``claims-3/10``.

    ``seen`` is what this session used. It, and never a name that a snapshot lists, is what is compared.
    """

    def __init__(self, before: Mapping[str, int], where: str) -> None:
        self._before, self._where = before, where
        self.seen: dict[str, int] = {}

    def check(self, updater: Updater, paths: Iterable[str]) -> None:
        """Raise unless all that led to these paths is as new as what was seen before.

        Raises `IndexStale`; `IndexUntrusted` for claims that are spread over more bins, or fewer: the same
        name would be another bin. Maintainers fix the number when they create an index.
        """
        for role, signed in self._used(updater, paths).items():
            plain = role.partition("/")[0]  # as an older tarkpm wrote it
            floor = max(self._before.get(role, 0), self._before.get(plain, 0))
            if signed.version < floor:
                raise stale(f"{plain} of version {signed.version}, {floor} was seen", self._where)
            self.seen[role] = signed.version

    def _used(self, updater: Updater, paths: Iterable[str]) -> dict[str, Signed]:
        """What tuf answered from, by the role that it took it for."""
        used = {role: signed for role in SIGNED_OFFLINE if (signed := updater.used(role))}
        if bins := _bins(used.get(CLAIMS)):
            self._check_spread(bins.bit_length)
            names = {bins.get_role_for_target(path) for path in paths if path.startswith(PUBLISHERS)}
            used |= {f"{name}/{bins.bit_length}": bin_ for name in names if (bin_ := updater.used(name))}
        return used

    def _check_spread(self, bits: int) -> None:
        before = {int(role.partition("/")[2]) for role in self._before if "/" in role} - {bits}
        if before:
            text = f"its claims are spread over 2^{bits} bins, expected 2^{min(before)} as before"
            raise IndexUntrusted(text, where=self._where)


def _bins(claims: Signed | None) -> SuccinctRoles | None:
    delegations = claims.delegations if isinstance(claims, Targets) else None
    return delegations.succinct_roles if delegations else None


def stale(what: str, where: str) -> IndexStale:
    """The error for a server that serves what is older than something that was seen."""
    return IndexStale(
        f"stale mirror: it serves what is older than what was seen before ({what})",
        where=where,
        hint="try again later, or ask the index's maintainers for another mirror",
    )
