"""Check when an index says that its releases were published: a minimum age counts from there.

The online key signs these times. A thief of it who may set one back gets a fresh release past every client
that waits, so a time never changes once it is listed, and is never in the future.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tarkpm.core import rows
from tarkpm.core.digest import is_digest, sha256
from tarkpm.core.layout import TARGETS, rows_path
from tarkpm.core.release import PluginName
from tarkpm.core.release_age import moment_text
from tarkpm.core.rows import MAX_ROWS, Listing, ReleaseRow
from tarkpm.errors import IndexUntrusted
from tarkpm.io.files import read_optional
from tarkpm.registry.folder import entries_of
from tarkpm.registry.lifetimes import CLOCKS


def check_published(name: PluginName, row: ReleaseRow, now: datetime) -> None:
    """Raise `IndexUntrusted` for a release that was published in the future."""
    if row.published is not None and row.published > (now + CLOCKS).timestamp():
        raise IndexUntrusted(
            f"{name} {row.version} is listed as published in the future, at {moment_text(row.published)}",
            where=rows_path(name),
        )


class FormerListings:
    """The listings that newer ones superseded and that are still in an index's folder.

    They stay for two days (`lifetimes.SUPERSEDED`), longer in a clone's history: a check after each change
    sees what the change did. Only names with more than one listing are kept in memory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / TARGETS / "index"
        counts = Counter(entry.name.partition(".")[2] for entry in entries_of(self._folder))
        self._names = frozenset(name for name, count in counts.items() if count > 1)
        self._files: dict[str, list[str]] = {}
        for entry in entries_of(self._folder) if self._names else ():
            name = entry.name.partition(".")[2]
            if name in self._names:
                self._files.setdefault(name, []).append(entry.name)

    def changed(self, listing: Listing) -> Iterator[str]:
        """Yield a sentence for each release whose time of publication is not the one it had before."""
        current = {row.version: row for row in listing.rows}
        seen = set()
        for former in self._former(rows_path(listing.name).rpartition("/")[2]):
            for row in former.rows:
                now = current.get(row.version)
                if now and now.statement == row.statement and now.published != row.published:
                    seen.add((row.version, row.published, now.published))
        for version, before, after in sorted(seen, key=lambda one: (one[0], one[1] or 0)):
            yield f"{listing.name} {version} was published {_said(before)}, now it says {_said(after)}"

    def _former(self, name: str) -> Iterator[Listing]:
        for file in self._files.get(name, ()):
            digest = file.partition(".")[0]
            data = read_optional(self._folder / file, MAX_ROWS)
            # A file that is not what its name says was never served: clients check the digest.
            if data is None or not is_digest(digest) or sha256(data) != digest:
                continue
            try:
                yield rows.parse(data, where=file)
            except IndexUntrusted:
                continue  # nothing lists it


def _said(published: int | None) -> str:
    return "at a time that was not recorded" if published is None else f"at {moment_text(published)}"
