"""The log of an index for its users: the checkpoint, and the tiles that compare two of them.

The log is not signed through TUF. Its checkpoint is signed by the key that the root names, and tiles prove
themselves: they lead to the root of a checkpoint, or they do not.
"""

from collections.abc import Collection

from tarkpm.core.layout import CHECKPOINT, log_file
from tarkpm.core.tlog.log import LogKeys
from tarkpm.core.tlog.merkle import check_consistency
from tarkpm.core.tlog.note import MAX_NOTE, Checkpoint
from tarkpm.core.tlog.tiles import MAX_TILE, Tile, consistency_ranges, read_hashes, roots, tiles_for
from tarkpm.errors import IndexStale, IndexUntrusted, TooLarge
from tarkpm.sources.index.places import IndexLocation, Missing, Patience, gather, unreachable, within


class LogFiles:
    """The files of one index's log."""

    def __init__(self, place: IndexLocation, where: str, threads: int, patience: Patience) -> None:
        self._place, self._where, self._threads, self._patience = place, where, threads, patience
        self._tiles: dict[Tile, list[bytes]] = {}

    def checkpoint(self, keys: LogKeys) -> Checkpoint:
        """Return the current checkpoint. Raises `IndexUntrusted` unless the log signed it, `Unreachable`."""
        return keys.checkpoint(self._get(CHECKPOINT, MAX_NOTE), where=f"{self._where}/{CHECKPOINT}")

    def check_continued(self, older: Collection[Checkpoint], newest: Checkpoint) -> None:
        """Raise `IndexUntrusted` unless the newest tree continues each older one; fetches what proves it.

        Raises `IndexStale` if one of them is larger than the newest, and `Unreachable`.
        """
        for one in older:
            if one.size > newest.size:
                raise IndexStale(
                    f"stale mirror: its log has {newest.size:,} entries, seen {one.size:,}",
                    where=f"{self._where}/{CHECKPOINT}",
                    hint="try again later, or ask the index's maintainers for another mirror",
                )
        ranges = {one: consistency_ranges(one.size, newest.size) for one in older}
        wanted = tiles_for((one for each in ranges.values() for one in each), newest.size)
        self._fetch(wanted - self._tiles.keys())
        for one, parts in ranges.items():
            proof = roots(parts, newest.size, self._tiles)
            try:
                check_consistency(one.size, one.root, newest.size, newest.root, proof)
            except ValueError as problem:
                raise IndexUntrusted(
                    f"the log of the index was rewritten: {problem}",
                    where=f"{self._where}/{CHECKPOINT}",
                    hint="do not use this index; keep both checkpoints, and show them to its maintainers",
                ) from None

    def _fetch(self, wanted: Collection[Tile]) -> None:
        missing = sorted(wanted)
        found = gather(self._place, self._tile, missing, threads=self._threads)
        self._tiles.update(zip(missing, found, strict=True))

    def _tile(self, tile: Tile) -> list[bytes]:
        # A partial tile may be gone once the full one is there (c2sp.org/tlog-tiles).
        for one in dict.fromkeys((tile, tile.full)):
            try:
                return read_hashes(tile, self._get(log_file(one.path), MAX_TILE))
            except Missing:
                continue
            except ValueError as problem:
                raise IndexUntrusted(str(problem), where=self._where) from None
        raise unreachable("a tile of the log is missing", where=f"{self._where}/{log_file(tile.path)}")

    def _get(self, path: str, limit: int) -> bytes:
        where = f"{self._where}/{path}"
        try:
            return self._place.get(path, limit, within(self._patience.file))
        except Missing as problem:
            if path != CHECKPOINT:
                raise
            # An attacker who drops the log must not get further than one who drops a listing.
            raise unreachable(
                f"the log of the index is missing (HTTP {problem.status})", where=where
            ) from None
        except TooLarge:
            raise IndexUntrusted(f"the file has more than {limit:,} bytes", where=where) from None
