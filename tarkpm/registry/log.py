"""The log in an index's folder: appended by `accept`, read by `check` (docs/decisions/0210).

Nothing in the folder is trusted: before anything is appended, the tiles must have the root that the log's key
signed. A log that is damaged is refused, not repaired: its key must never sign two different trees of one
size.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.layout import CHECKPOINT, LOG, log_file
from tarkpm.core.tlog import tiles
from tarkpm.core.tlog.log import LogKeys
from tarkpm.core.tlog.merkle import leaf_hash
from tarkpm.core.tlog.note import MAX_NOTE, Checkpoint, Sign, sign_checkpoint
from tarkpm.core.tlog.proof import LogProof
from tarkpm.core.tlog.tiles import ENTRIES, WIDTH, Tile, tile_at
from tarkpm.errors import IndexUntrusted
from tarkpm.io.files import read_file, read_optional

MAX_BUNDLE: Final = WIDTH * (tiles.MAX_ENTRY + 2)
NOTHING: Final[Mapping[str, bytes]] = {}
NEVER_REPAIRED: Final = "restore the folder 'log' from the newest copy that was published"


class LogGrowth(msgspec.Struct, frozen=True):
    """The files to write, the checkpoint to write after them, and the position of each entry."""

    files: Mapping[str, bytes]
    checkpoint: Checkpoint
    positions: tuple[int, ...]


class IndexLog:
    """The log of an index in its folder. ``checkpoint`` is None before the first one was written."""

    def __init__(self, folder: Path, keys: LogKeys) -> None:
        """Read the checkpoint; raises `IndexUntrusted` unless the log signed it."""
        self.folder, self.keys = folder, keys
        self.where = str(folder / CHECKPOINT)
        data = read_optional(folder / CHECKPOINT, MAX_NOTE)
        self.checkpoint = None if data is None else keys.checkpoint(data, where=self.where)
        self._signs_again = False

    def signed_by(self, keys: LogKeys) -> "IndexLog":
        """Return this log for other keys, by which the next checkpoint is signed even of the same tree."""
        self.keys, self._signs_again = keys, True
        return self

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.checkpoint.size if self.checkpoint else 0

    def check_edge(self) -> None:
        """Raise `IndexUntrusted` unless the tiles lead to the signed root, and the last entries fit them.

        Reads what the next entry will be appended to: a few files, however large the log is.
        """
        if self.checkpoint is None:
            return
        if self.root_at(self.size) != self.checkpoint.root:
            raise self._damaged("the tiles of the log do not have the root of its checkpoint")
        if self.size:
            self._check_bundle((self.size - 1) // WIDTH)

    def root_at(self, size: int) -> bytes:
        """Return the root of the first ``size`` entries, from the tiles. Raises `IndexUntrusted`."""
        return tiles.root_at(size, self._hashes(tiles.edge_tiles(size)))

    def entries(self, first: int = 0) -> Iterator[bytes]:
        """Yield the entries from position ``first`` on, each checked against its tile."""
        for number in range(first // WIDTH, -(-self.size // WIDTH)):
            bundle = self._check_bundle(number)
            yield from bundle[max(0, first - number * WIDTH) :]

    def prove(self, positions: Sequence[int], checkpoint: Checkpoint) -> list[LogProof]:
        """Return proofs that entries are in the tree of a checkpoint of this log."""
        return self._prove(positions, checkpoint, {})

    def grow(self, entries: Sequence[bytes], sign: Sign, *, look_back: int = 2 * WIDTH) -> LogGrowth:
        """Return what appending entries writes. Among the last ``look_back`` entries none is repeated.

        An interrupted `accept` leaves an entry whose release is not listed: the next one takes it over.
        """
        self.check_edge()
        first = max(0, self.size - look_back)
        known = {entry: first + at for at, entry in enumerate(self.entries(first))}
        new = [entry for entry in dict.fromkeys(entries) if entry not in known]
        known.update((entry, self.size + at) for at, entry in enumerate(new))
        positions = tuple(known[entry] for entry in entries)
        if not new and self.checkpoint and not self._signs_again:
            return LogGrowth({}, self.checkpoint, positions)
        grown = tiles.grown(self.size, new, self._read)
        files = {log_file(tile.path): data for tile, data in grown.items()}
        size = self.size + len(new)
        root = tiles.root_at(size, self._hashes(tiles.edge_tiles(size), files))
        return LogGrowth(files, sign_checkpoint(self.keys.named, sign, size, root), positions)

    def proofs(self, growth: LogGrowth) -> list[LogProof]:
        """Return the proofs of the entries of a growth that is not written yet."""
        return self._prove(growth.positions, growth.checkpoint, growth.files)

    def _prove(
        self, positions: Sequence[int], checkpoint: Checkpoint, unwritten: Mapping[str, bytes]
    ) -> list[LogProof]:
        size = checkpoint.size
        ranges = [tiles.inclusion_ranges(one, size) for one in positions]
        needed = tiles.tiles_for([one for each in ranges for one in each], size)
        hashes = self._hashes(needed, unwritten)
        return [
            LogProof(position, tuple(tiles.roots(each, size, hashes)), checkpoint)
            for position, each in zip(positions, ranges, strict=True)
        ]

    def superseded(self) -> Iterator[Path]:
        """Yield partial tiles of which the full one is there: readers take that one instead."""
        for partial in (self.folder / LOG).rglob("*.p"):
            if partial.with_suffix("").is_file():
                yield from partial.iterdir()
        yield from (self.folder / LOG).rglob(".*.tmp")

    def _check_bundle(self, number: int) -> list[bytes]:
        bundle = tile_at(ENTRIES, number, self.size)
        tile = tile_at(0, number, self.size)
        try:
            entries = tiles.read_entries(bundle, self._read(bundle))
        except ValueError as problem:
            raise self._damaged(str(problem)) from None
        if [leaf_hash(entry) for entry in entries] != self._hashes([tile])[tile]:
            raise self._damaged(f"the entries in '{bundle.path}' are not those of the tree")
        return entries

    def _hashes(
        self, wanted: Iterable[Tile], unwritten: Mapping[str, bytes] = NOTHING
    ) -> dict[Tile, list[bytes]]:
        files = {tile: unwritten.get(log_file(tile.path)) or self._read(tile) for tile in wanted}
        try:
            return {tile: tiles.read_hashes(tile, data) for tile, data in files.items()}
        except ValueError as problem:
            raise self._damaged(str(problem)) from None

    def _read(self, tile: Tile) -> bytes:
        """Return the file of a tile, or of a longer one in its place."""
        for path in self._candidates(tile):
            try:
                return read_file(path, MAX_BUNDLE)
            except FileNotFoundError:
                continue
        raise self._damaged(f"'{tile.path}' is missing")

    def _candidates(self, tile: Tile) -> Iterator[Path]:
        top = self.folder / LOG
        yield top / tile.path
        yield top / tile.full.path
        folder = (top / tile.path).parent
        if tile.width < WIDTH and folder.is_dir():
            widths = (int(name) for path in folder.iterdir() if (name := path.name).isdecimal())
            yield from (folder / str(width) for width in sorted(widths) if width > tile.width)

    def _damaged(self, text: str) -> IndexUntrusted:
        return IndexUntrusted(text, where=str(self.folder / LOG), hint=NEVER_REPAIRED)
