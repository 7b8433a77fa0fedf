"""Copy the transparency log of an index. Its tiles are computed from its entries, so none is believed."""

from typing import TYPE_CHECKING

from tarkpm.core.layout import CHECKPOINT, log_file
from tarkpm.core.tlog.note import MAX_NOTE
from tarkpm.core.tlog.tiles import (
    ENTRIES,
    MAX_ENTRY,
    WIDTH,
    Tile,
    edge_tiles,
    grown,
    read_entries,
    read_hashes,
    root_at,
    tile_at,
)
from tarkpm.errors import IndexStale, IndexUntrusted
from tarkpm.io.parallel import run_parallel
from tarkpm.sources.index.places import Missing, unreachable, within

if TYPE_CHECKING:
    from tarkpm.sources.index.client import IndexClient
    from tarkpm.sources.index.copying import Copying

MAX_BUNDLE = WIDTH * (MAX_ENTRY + 2)
SECONDS = 60.0
THREADS = 16


def copy_log(client: "IndexClient", place: "Copying") -> None:
    """Copy the entries and tiles of an index's log, if it has one. Its checkpoint is written by `finish`.

    Raises `IndexUntrusted` unless the entries have the root that the log signed, `IndexStale` for a log that
    is smaller than the copy, and `Unreachable`.
    """
    keys, where = client.log, f"{client.index.url}/{CHECKPOINT}"
    if keys is None:
        return
    try:
        data = place.get(CHECKPOINT, MAX_NOTE, within(SECONDS))
    except Missing as problem:
        raise unreachable(f"the log of the index is missing (HTTP {problem.status})", where=where) from None
    size = keys.checkpoint(data, where=where).size
    if (kept := place.kept(CHECKPOINT, MAX_NOTE)) and (had := keys.checkpoint(kept, where=where).size) > size:
        text = f"the log is older than its mirror: expected at least {had:,} entries, found {size:,}"
        raise IndexStale(text, where=where)
    bundles = [tile_at(ENTRIES, number, size) for number in range(-(-size // WIDTH))]
    parts = run_parallel(lambda one: _entries(place, one, where), bundles, threads=THREADS)
    try:
        files = grown(0, [entry for part in parts for entry in part], _nothing)
    except ValueError as problem:
        raise IndexUntrusted(str(problem), where=where) from None
    hashes = {tile: read_hashes(tile, files[tile]) for tile in edge_tiles(size)}
    if root_at(size, hashes) != keys.checkpoint(data, where=where).root:
        text = "the entries of the log do not have the root of its checkpoint"
        raise IndexUntrusted(text, where=where)
    for tile, content in files.items():
        place.write(log_file(tile.path), content)
    place.checkpoint = data


def _entries(place: "Copying", bundle: Tile, where: str) -> list[bytes]:
    # A partial bundle may be gone once the full one is there (c2sp.org/tlog-tiles).
    for one in dict.fromkeys((bundle, bundle.full)):
        try:
            return read_entries(bundle, place.get(log_file(one.path), MAX_BUNDLE, within(SECONDS)))
        except Missing:
            continue
        except ValueError as problem:
            raise IndexUntrusted(str(problem), where=where) from None
    raise unreachable("entries of the log are missing", where=where)


def _nothing(_tile: Tile) -> bytes:
    return b""
