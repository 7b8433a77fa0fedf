"""The target files of an index, by the digests that its metadata signs: from the cache, or fetched."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tarkpm.core.digest import FileEntry, is_digest, sha256
from tarkpm.core.layout import TARGETS
from tarkpm.errors import IndexUntrusted, TooLarge
from tarkpm.sources.index import cached
from tarkpm.sources.index.places import IndexLocation, Missing, gather, unreachable

if TYPE_CHECKING:
    from tuf.api.metadata import TargetFile

    from tarkpm.sources.index.fetcher import Fetcher

NOTHING: Final[Mapping[str, bytes]] = {}


class TargetFiles:
    """The target files of one index. The caller holds the lock of the cache."""

    def __init__(
        self,
        place: IndexLocation,
        where: str,
        folder: Path | None,
        fetcher: "Fetcher",
        threads: int,
        recorded: dict[str, bytes] | None,
    ) -> None:
        """Set up for one index. Without ``folder`` nothing is cached; ``recorded`` gets all by path."""
        self._place, self._where, self._folder = place, where, folder
        self._fetcher, self._threads, self._recorded = fetcher, threads, recorded

    def obtain(
        self, infos: Mapping[str, "TargetFile"], limit: int, likely: Mapping[str, bytes] = NOTHING
    ) -> dict[str, bytes]:
        """Return the contents of signed files by path, each of at most ``limit`` bytes.

        ``likely`` are guessed contents: a file whose signed digest matches its guess is not fetched. Raises
        `IndexUntrusted` and `Unreachable`.
        """
        here = {path: self._at_hand(path, info, limit, likely.get(path)) for path, info in infos.items()}
        absent = [path for path, data in here.items() if data is None]
        fetched = gather(
            self._place, lambda path: self._fetched(path, infos[path]), absent, threads=self._threads
        )
        new = dict(zip(absent, fetched, strict=True))
        found = {path: new[path] if data is None else data for path, data in here.items()}
        if self._recorded is not None:
            self._recorded |= {_file_of(path, infos[path]): data for path, data in found.items()}
        return found

    def _at_hand(self, path: str, info: "TargetFile", limit: int, likely: bytes | None) -> bytes | None:
        """Return a guessed or cached target file if it has the signed digest, else None."""
        where = f"{self._where}: {path}"
        # The path of the file contains the digest, and the size is what this process must hold in memory.
        if not is_digest(str(info.hashes.get("sha256", ""))) or info.length > limit:
            raise IndexUntrusted(f"expected a sha256 digest and at most {limit:,} bytes", where=where)
        cache = self._folder and cached.target(self._folder, path)
        if likely is not None and _is_signed(likely, info):
            if cache:
                cached.keep_new(cache, likely)  # for a machine that has nothing but this cache
            return likely
        data = cached.read(cache, info.length) if cache else None
        return data if data is not None and _is_signed(data, info) else None

    def _fetched(self, path: str, info: "TargetFile") -> bytes:
        where = f"{self._where}: {path}"
        try:
            data = self._place.get(_file_of(path, info), info.length, self._fetcher.soon())
        except Missing as problem:
            raise unreachable(f"a listed file is missing (HTTP {problem.status})", where=where) from None
        except TooLarge:
            text = f"the file has more than the signed {info.length:,} bytes"
            raise IndexUntrusted(text, where=where) from None
        if not _is_signed(data, info):
            raise IndexUntrusted("the file does not have the signed digest", where=where)
        if self._folder:
            cached.keep(cached.target(self._folder, path), data)
        return data


def _file_of(path: str, info: "TargetFile") -> str:
    """Return the path of a target file in the index: consistent snapshots put its digest before its name."""
    folder, slash, name = path.rpartition("/")
    return f"{TARGETS}/{folder}{slash}{info.hashes['sha256']}.{name}"


def _is_signed(data: bytes, info: "TargetFile") -> bool:
    return len(data) == info.length and sha256(data) == info.hashes["sha256"]


def split_parts(data: bytes, parts: Iterable[FileEntry], where: str) -> Iterator[tuple[str, bytes]]:
    """Yield each part of a release, checked; truncated data fails the check. Raises `DigestMismatch`."""
    start = 0
    for part in parts:
        piece = data[start : start + part.size]
        part.check(piece, where=where)
        yield part.name, piece
        start += part.size
