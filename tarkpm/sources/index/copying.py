"""Copy an index into a folder that any web server, or `tarkpm index add`, can use in its place.

Nothing is copied that a client would refuse. Every file but the timestamp keeps its contents under its name
(TUF specification, 6.2), so the timestamp is written last: a client of the folder sees the index as it was or
as it is, whatever interrupts the copy, and the next copy goes on from there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tarkpm.core import osv, rows, search
from tarkpm.core.claim import MAX_CLAIM
from tarkpm.core.digest import sha256
from tarkpm.core.layout import (
    CHECKPOINT,
    CLAIMS,
    INDEX,
    LOG,
    METADATA,
    SEARCH,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP,
    release_file,
)
from tarkpm.core.lockfile import Pin
from tarkpm.errors import IndexStale, IndexUntrusted, TarkError
from tarkpm.io.files import atomic_write, read_optional, sync_folder
from tarkpm.io.parallel import batches, run_parallel
from tarkpm.sources.index import shape
from tarkpm.sources.index.copying_log import copy_log
from tarkpm.sources.index.places import IndexLocation, Missing, within
from tarkpm.sources.index.session import targets_of

if TYPE_CHECKING:
    from tuf.api.metadata import TargetFile

    from tarkpm.sources.index.client import IndexClient

NOW: Final = f"{METADATA}/{TIMESTAMP}.json"
MAX_DOCUMENT: Final = max(MAX_CLAIM, rows.MAX_ROWS, osv.MAX_ADVISORY, search.MAX_SEARCH)
AT_ONCE: Final = 64 << 20
"""Bytes that are fetched before they are written."""
BINS: Final = 64
"""Bins that are fetched at once."""
THREADS: Final = 16

# The online key signs index bins: whoever holds it must not choose files outside of the folder.
_TARGET = re.compile(r"(?:publishers|index)/[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BIN = re.compile(rf"({CLAIMS}|{INDEX})-[0-9a-f]+")


class Copying:
    """An index, read through a folder that keeps what was read. An `IndexLocation`.

    Metadata waits in memory until `settle`, because only the caller knows when it was verified. Without
    ``reuse``, metadata in the folder is fetched again.
    """

    def __init__(self, place: IndexLocation, folder: Path, *, reuse: bool) -> None:
        self._place, self._folder, self._reuse = place, folder, reuse
        self._metadata: dict[str, bytes] = {}
        self.files = self.bytes = 0
        self.checkpoint = b""
        """The checkpoint of the index's log, to be written with the timestamp; b"" without a log."""

    def get(self, path: str, limit: int, deadline: float) -> bytes:
        """See `IndexLocation`."""
        if (data := self._metadata.get(path)) is not None:
            return data
        if path.startswith(f"{METADATA}/"):
            data = self._metadata[path] = self._obtained(path, limit, deadline)
            return data
        is_log = path.startswith(f"{LOG}/")
        # What the folder has of a log is believed as far as its metadata, and its checkpoint never is.
        trusted = path != CHECKPOINT and self._reuse if is_log else True
        if trusted and (data := self.kept(path, limit)) is not None:
            return data
        data = self._place.get(path, limit, deadline)
        if path.startswith(f"{TARGETS}/") and _is_named(path, data):
            self.write(path, data)
        return data

    def is_prompt(self) -> bool:
        """See `IndexLocation`."""
        return self._place.is_prompt()

    def close(self) -> None:
        """See `IndexLocation`."""
        self._place.close()

    def has(self, path: str, size: int) -> bool:
        """Return whether the folder has a file of this size, which was checked when it was written."""
        file = self._folder / path
        return file.is_file() and file.stat().st_size == size

    def fetch_ahead(self, paths: Iterable[str]) -> None:
        """Fetch metadata in parallel. A file that is missing is reported when it is used."""

        def fetch(path: str) -> None:
            try:
                self.get(path, shape.MAX_SIZE[SNAPSHOT], within(600.0))
            except (Missing, TarkError):
                return

        run_parallel(fetch, list(paths), threads=THREADS)

    def write(self, path: str, data: bytes) -> None:
        """Write a verified file, unless it is there."""
        file = self._folder / path
        if self.kept(path, len(data)) == data:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, data, mode=0o644, durable=False)
        self.files, self.bytes = self.files + 1, self.bytes + len(data)

    def keep(self, path: str) -> None:
        """Write metadata that was read, before the rest is verified."""
        self.write(path, self._metadata[path])

    def snapshot(self) -> bytes:
        """Return the snapshot that was read."""
        return next(data for path, data in self._metadata.items() if path.endswith(f".{SNAPSHOT}.json"))

    def settle(self) -> None:
        """Write the metadata of bins, which was verified."""
        for path in [path for path in self._metadata if _BIN.search(path)]:
            self.write(path, self._metadata.pop(path))

    def finish(self) -> None:
        """Write all metadata, the timestamp last. Raises `IndexStale` if the folder has a newer one."""
        self.settle()
        self._check_newer()
        for path in sorted(self._metadata):
            if path != NOW:
                self.write(path, self._metadata[path])
        # Rows prove that a log has them: a client must not find them before the log.
        if self.checkpoint:
            atomic_write(self._folder / CHECKPOINT, self.checkpoint, mode=0o644)
        # Everything a timestamp leads to must be on the disk before it is.
        sync_folder(self._folder / METADATA)
        atomic_write(self._folder / NOW, self._metadata[NOW], mode=0o644)

    def _check_newer(self) -> None:
        before = self.kept(NOW, shape.MAX_SIZE[TIMESTAMP])
        try:
            kept = shape.check(TIMESTAMP, before, where=NOW).version if before else 0
        except IndexUntrusted:
            return  # damaged, and replaced
        found = shape.check(TIMESTAMP, self._metadata[NOW], where=NOW).version
        if found < kept:
            text = f"the index is older than its mirror: expected at least timestamp {kept}, found {found}"
            raise IndexStale(text, where=str(self._folder))

    def _obtained(self, path: str, limit: int, deadline: float) -> bytes:
        if path != NOW and self._reuse and (data := self.kept(path, limit)) is not None:
            return data
        return self._place.get(path, limit, deadline)

    def kept(self, path: str, limit: int) -> bytes | None:
        """Return a file of the folder; of a target only if its contents are those that name it."""
        try:
            data = read_optional(self._folder / path, limit)
        except (OSError, TarkError):
            return None
        return None if data is not None and path.startswith(TARGETS) and not _is_named(path, data) else data


def _is_named(path: str, data: bytes) -> bool:
    digest = path.rpartition("/")[2].partition(".")[0]
    return bool(_DIGEST.fullmatch(digest)) and sha256(data) == digest


def copy_all(client: "IndexClient", place: Copying) -> tuple[int, int]:
    """Copy a whole index; returns the number of its plugins and of its releases.

    Raises what a client raises, before the timestamp is written.
    """
    client.session.loaded({CLAIMS: TOP, INDEX: TOP})
    versions = shape.check(SNAPSHOT, place.snapshot(), where=client.index.url).versions
    bins = {role: match[1] for role in sorted(versions) if (match := _BIN.fullmatch(role))}
    plugins = releases = 0
    for chunk in batches(bins.items(), lambda _: 1, BINS):
        place.fetch_ahead(f"{METADATA}/{versions[role]}.{role}.json" for role, _ in chunk)
        for role, signed in client.session.loaded(dict(chunk)).items():
            for path, data in _documents(client, role, targets_of(signed)):
                if path.startswith(f"{INDEX}/") and path != SEARCH:
                    listing = rows.parse(data, where=f"{client.index.url}/{path}")
                    plugins += 1
                    releases += len(listing.rows)
                    pins = [Pin(listing.name, row.statement, row.files) for row in listing.rows]
                    copy_releases(client, place, pins)
        place.settle()
    client.session.list_parts()
    copy_log(client, place)
    place.finish()
    return plugins, releases


def _documents(
    client: "IndexClient", role: str, infos: "Mapping[str, TargetFile]"
) -> Iterator[tuple[str, bytes]]:
    """Yield the documents of a bin, which are kept on their way here."""
    if odd := [path for path in infos if not _TARGET.fullmatch(path)]:
        text = f"'{role}' lists {odd[0][:80]!r}, which is no document of an index"
        raise IndexUntrusted(text, where=client.index.url)
    for chunk in batches(infos.items(), lambda item: item[1].length, AT_ONCE):
        yield from client.session.contents(dict(chunk), MAX_DOCUMENT).items()


def copy_releases(client: "IndexClient", place: Copying, pins: Iterable[Pin]) -> None:
    """Copy the releases that the folder does not have. Raises `DigestMismatch` and `Unreachable`."""
    missing = (pin for pin in pins if not place.has(release_file(pin.statement.sha256), _size(pin)))
    for chunk in batches(missing, _size, AT_ONCE):
        for pin, files in zip(chunk, client.releases(chunk), strict=True):
            data = b"".join(files[part.name] for part in pin.parts)
            place.write(release_file(pin.statement.sha256), data)


def _size(pin: Pin) -> int:
    return sum(part.size for part in pin.parts)
