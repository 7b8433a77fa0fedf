"""How a tree lies in static files (c2sp.org/tlog-tiles), and which of them a proof needs.

A tile has 256 hashes of one level: those of complete subtrees of 256^level entries. Full tiles never change.
The last tile of a level is partial until it is full: its file name says how many hashes it has, so a longer
one never replaces it under its name. Entries lie in bundles of 256, each behind its length in two bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from tarkpm.core.tlog.merkle import HASH, leaf_hash, node_hash, root_of, split

WIDTH: Final = 256
"""Hashes of a full tile, and entries of a full bundle."""
MAX_TILE: Final = WIDTH * HASH
"""The size of a full tile in bytes."""
ENTRIES: Final = -1
"""The level of a bundle of entries."""
MAX_ENTRY: Final = 0xFFFF
"""The size limit of an entry in bytes: its length has two bytes."""


class Tile(NamedTuple):
    """The name of a tile, or of a bundle of entries. ``width`` is the number of hashes or entries in it."""

    level: int
    number: int
    width: int

    @property
    def path(self) -> str:
        """The path of the file below the folder of the log."""
        groups = [f"{self.number % 1000:03d}"]
        rest = self.number // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(groups)}{partial}"

    @property
    def full(self) -> "Tile":
        """The full tile that may have replaced this one."""
        return self._replace(width=WIDTH)


Hashes = Mapping[Tile, Sequence[bytes]]
Range = tuple[int, int]
"""The entries of a subtree: the first, and the first after it."""


def tile_at(level: int, number: int, size: int) -> Tile:
    """Return a tile, or a bundle of entries, as it is in a tree of ``size`` entries."""
    count = size if level == ENTRIES else size >> 8 * level
    return Tile(level, number, min(WIDTH, count - number * WIDTH))


def read_hashes(tile: Tile, data: bytes) -> list[bytes]:
    """Return the hashes of a tile from its file, or from that of a longer one. Raises `ValueError`."""
    if len(data) % HASH or not tile.width * HASH <= len(data) <= WIDTH * HASH:
        raise ValueError(f"expected {tile.width * HASH:,} bytes in '{tile.path}', found {len(data):,}")
    return [data[at : at + HASH] for at in range(0, tile.width * HASH, HASH)]


def read_entries(bundle: Tile, data: bytes) -> list[bytes]:
    """Return the entries of a bundle from its file, or from that of a longer one. Raises `ValueError`."""
    found: list[bytes] = []
    at = 0
    while at < len(data) and len(found) < bundle.width:
        start = at + 2
        at = start + int.from_bytes(data[at:start])
        if start > len(data) or at > len(data):
            raise ValueError(f"'{bundle.path}' ends within an entry")
        found.append(data[start:at])
    if len(found) != bundle.width:
        raise ValueError(f"expected {bundle.width} entries in '{bundle.path}', found {len(found)}")
    return found


def render_entries(entries: Iterable[bytes]) -> bytes:
    """Return the bytes of a bundle of entries."""
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the subtrees whose roots prove that entry ``index`` is in a tree (RFC 9162, 2.1.3.1)."""
    found: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """Return the subtrees whose roots prove that a tree continues one of ``old`` entries (2.1.4.1)."""
    if not 0 < old < size:
        return []
    found: list[Range] = []
    start, end = 0, size
    while old != end:
        middle = start + split(end - start)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    # The old root itself is known to the reader, unless it is only a part of the old tree.
    return [*([(start, end)] if start else []), *found[::-1]]


def pieces(start: int, end: int) -> Iterator[Range]:
    """Yield the complete subtrees that a subtree of any size consists of, from the left."""
    while start < end:
        span = end - start
        piece = span if span & (span - 1) == 0 else split(span)
        yield start, start + piece
        start += piece


def _place(start: int, end: int, size: int) -> tuple[Tile, int, int]:
    """Return the tile with a complete subtree, and which of its hashes are below that subtree."""
    span = end - start
    level = (span.bit_length() - 1) // 8
    unit = 1 << 8 * level
    first = start // unit
    return tile_at(level, first // WIDTH, size), first % WIDTH, first % WIDTH + span // unit


def tiles_for(ranges: Iterable[Range], size: int) -> set[Tile]:
    """Return the tiles of a tree of ``size`` entries that contain these subtrees."""
    return {_place(*piece, size)[0] for one in ranges for piece in pieces(*one)}


def roots(ranges: Iterable[Range], size: int, hashes: Hashes) -> list[bytes]:
    """Return the roots of subtrees; ``hashes`` has the tiles that `tiles_for` names."""
    return [_root(start, end, size, hashes) for start, end in ranges]


def _root(start: int, end: int, size: int, hashes: Hashes) -> bytes:
    found = []
    for piece in pieces(start, end):
        tile, first, last = _place(*piece, size)
        found.append(root_of(hashes[tile][first:last]))
    # Incomplete subtrees lean to the left: the rightmost pieces are the deepest.
    result = found.pop()
    while found:
        result = node_hash(found.pop(), result)
    return result


def edge_tiles(size: int) -> set[Tile]:
    """Return the tiles that the root of a tree depends on."""
    return tiles_for([(0, size)], size) if size else set()


def root_at(size: int, hashes: Hashes) -> bytes:
    """Return the root of a tree from its tiles (`edge_tiles`)."""
    return roots([(0, size)], size, hashes)[0] if size else root_of([])


def grown(size: int, entries: Sequence[bytes], read: Callable[[Tile], bytes]) -> dict[Tile, bytes]:
    """Return the files that appending ``entries`` to a tree of ``size`` entries writes.

    ``read`` returns the file of a partial tile, or bundle, of the tree as it is. Raises `ValueError`.
    """
    files: dict[Tile, bytes] = {}
    if entries and max(map(len, entries)) > MAX_ENTRY:
        raise ValueError(f"expected an entry of at most {MAX_ENTRY:,} bytes")
    bundles = _extended(ENTRIES, size, entries, read)
    files.update((tile, render_entries(rows)) for tile, rows in bundles.items())
    level, before, hashes = 0, size, [leaf_hash(entry) for entry in entries]
    while hashes:
        written = _extended(level, before, hashes, read)
        files.update((tile, b"".join(row)) for tile, row in written.items())
        hashes = [root_of(row) for tile, row in written.items() if tile.width == WIDTH]
        level, before = level + 1, before // WIDTH
    return files


def _extended(
    level: int, before: int, more: Sequence[bytes], read: Callable[[Tile], bytes]
) -> dict[Tile, Sequence[bytes]]:
    """Return the tiles of one level that change when hashes, or entries, follow ``before`` others."""
    number, width = divmod(before, WIDTH)
    last = Tile(level, number, width)
    parse = read_entries if level == ENTRIES else read_hashes
    row = [*(parse(last, read(last)) if width else ()), *more]
    parts = (row[at : at + WIDTH] for at in range(0, len(row), WIDTH))
    return {Tile(level, number + at, len(part)): part for at, part in enumerate(parts)}
