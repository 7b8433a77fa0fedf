"""An index as a cache or a bundle kept it: without a network.

The checks are those made online, as of the last moment at which the cached index was fresh: its timestamp
lasts three days, and a cache must be of use for longer. An attacker who fills the cache can choose an older
state of the index, but only one that its maintainers signed, and only until their signatures expire, after a
year (docs/decisions/0110-a-cache-is-enough-to-restore.md).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tuf.api.metadata import Signed

from tarkpm.core.layout import METADATA, ROOT, SNAPSHOT, TIMESTAMP
from tarkpm.errors import IndexStale, IndexUntrusted
from tarkpm.io.files import read_file
from tarkpm.sources.index import cached, shape
from tarkpm.sources.index.places import Missing


class Kept:
    """The cached metadata of an index, as an `IndexLocation`. The session reads cached targets itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str, limit: int, deadline: float) -> bytes:  # noqa: ARG002  # a disk has none
        """See `IndexLocation`."""
        folder, _, name = path.rpartition("/")
        number, _, role = name.partition(".")
        inside = self._folder / cached.HISTORY / name if role == f"{ROOT}.json" else self._folder
        # tuf keeps other metadata without its version; it checks that the version is the listed one.
        file = inside if inside != self._folder else inside / (role if number.isdecimal() else name)
        try:
            if folder != METADATA:
                raise FileNotFoundError
            return read_file(file, limit)
        except FileNotFoundError:
            raise Missing(404) from None

    def is_prompt(self) -> bool:
        """See `IndexLocation`."""
        return True

    def close(self) -> None:
        """See `IndexLocation`."""

    def dated(self) -> dict[str, bytes]:
        """See `Frozen`."""
        found = {role: cached.read(self._folder / f"{role}.json") for role in (TIMESTAMP, SNAPSHOT)}
        return {role: data for role, data in found.items() if data is not None}


def last_fresh(dated: Mapping[str, bytes], now: datetime, *, where: str) -> datetime:
    """Return the last moment, not after ``now``, at which the kept timestamp and snapshot were valid.

    Their signatures are checked later, with this moment. Raises `IndexUntrusted`.
    """
    moments = [now]
    for role, data in dated.items():
        try:
            expires = datetime.fromisoformat(shape.check(role, data, where=where).expires)
        except ValueError:
            raise IndexUntrusted(f"expected the time at which '{role}' expires", where=where) from None
        moments.append(expires.astimezone(UTC) - timedelta(seconds=1))
    return min(moments)


def check_lifetimes(signed: Iterable[Signed], now: datetime, *, where: str) -> None:
    """Raise `IndexStale` unless this metadata of maintainers is still valid ``now``."""
    for one in signed:
        if one.expires <= now:
            since = one.expires.strftime("%Y-%m-%d %H:%M:%S UTC")
            raise IndexStale(
                f"what was kept of the index expired on {since}: its '{one.type}' metadata is too old",
                where=where,
                hint="run it with a network: tarkpm sync",
            )


def expired(seen: Mapping[str, shape.Seen], folder: Path, where: str) -> IndexStale:
    """Return the error for an index of which the metadata that was ``seen``, or is cached, expired."""
    ages = {role: one.expires for role, one in seen.items()}
    for role in (ROOT, TIMESTAMP, SNAPSHOT):
        data = cached.read((folder / f"{role}.json").resolve())
        if role not in ages and data is not None:
            ages[role] = shape.check(role, data, where=where).expires
    since, role = min((expires, role) for role, expires in ages.items())
    # A clock that runs ahead expires every index, so both times are shown.
    here = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return IndexStale(
        f"index expired since {since.replace('T', ' ').replace('Z', ' UTC'):.40}"
        f" (locked installs still work): its {role} was not renewed; here it is {here}",
        where=where,
        hint="if this clock is right, ask the index's maintainers to run: tarkpm index refresh",
    )
