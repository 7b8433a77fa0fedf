"""tuf's way to the metadata of an index. What it hands over was looked at (`shape`) but not verified."""

import re
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final

from tuf.api.exceptions import DownloadHTTPError

from tarkpm.core.layout import METADATA, ROOT, TIMESTAMP, TOP
from tarkpm.errors import IndexUntrusted, TooLarge, Unreachable
from tarkpm.sources.index import shape
from tarkpm.sources.index.engine import FetcherInterface
from tarkpm.sources.index.places import IndexLocation, Missing, Patience, gather, unreachable, within

PREFIX: Final = "index:"
"""What tuf takes for the index's URL."""
FIRST: Final = f"{METADATA}/1.{ROOT}.json"
MAX_AHEAD: Final = 256 << 20
"""Bytes of metadata fetched before tuf asked for it."""

_NAME = re.compile(r"(?:[0-9]+\.)?([A-Za-z0-9-]+)\.json")


class Fetcher(FetcherInterface):
    """Fetches metadata from a place. ``deadline`` is that of the command's current question."""

    def __init__(self, place: IndexLocation, where: str, threads: int, patience: Patience) -> None:
        self.place, self.where, self.patience = place, where, patience
        self.deadline = time.monotonic()
        self.seen: dict[str, shape.Seen] = {}
        self._threads = threads
        self._ahead: dict[str, bytes] = {}
        self._ahead_bytes = 0
        self._mutex = threading.Lock()

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Metadata for tuf: raises `DownloadHTTPError` where a newer root is not there, else `TarkError`."""
        path = url.removeprefix(PREFIX)
        name = path.removeprefix(f"{METADATA}/")
        match = _NAME.fullmatch(name)
        role = match[1] if match else name
        data = self._ahead.pop(path, None)
        if data is None:
            data = self.get(path, max_length, role)
        if len(data) > max_length:
            raise self._too_large(path, max_length)
        self.seen[role] = shape.check(role, data, where=self._at(path))
        return data

    def fetch_ahead(self, names: Iterable[str]) -> None:
        """Fetch metadata that tuf may ask for, several files at once, if it is there. Raises `TarkError`."""
        gather(self.place, self._fetch_ahead, list(names), threads=self._threads)

    def forget(self) -> None:
        """Drop what was fetched and not asked for."""
        self._ahead.clear()
        self._ahead_bytes = 0

    def soon(self) -> float:
        """When a file that is asked for now must be here."""
        return min(self.deadline, within(self.patience.file))

    def _fetch_ahead(self, name: str) -> None:
        path = f"{METADATA}/{name}"
        try:
            data = self.place.get(path, shape.MAX_SIZE[TOP], self.soon())
        except Missing:
            return  # it was a guess: if tuf asks for it, the answer is the same
        except TooLarge:
            raise self._too_large(path, shape.MAX_SIZE[TOP]) from None
        with self._mutex:
            self._ahead_bytes += len(data)
            if self._ahead_bytes > MAX_AHEAD:
                raise self._too_large(path, MAX_AHEAD)
            self._ahead[path] = data

    def get(self, path: str, limit: int, role: str = "") -> bytes:
        """A file, not looked at. Raises `TarkError`; `DownloadHTTPError` if it is a root and not there."""
        try:
            return self.place.get(path, limit, self.soon())
        except Missing as problem:
            if role == ROOT:
                raise DownloadHTTPError(path, 404) from None
            raise self._missing(path, problem.status) from None
        except TooLarge:
            raise self._too_large(path, limit) from None

    def _too_large(self, path: str, limit: int) -> IndexUntrusted:
        return IndexUntrusted(f"metadata of more than the {limit:,} bytes it may have", where=self._at(path))

    def _missing(self, path: str, status: int) -> Unreachable:
        if path in (FIRST, f"{METADATA}/{TIMESTAMP}.json"):
            return unreachable(f"there is none here: HTTP {status}", where=self._at(path))
        return unreachable(
            f"it names a file that is not there (HTTP {status})",
            where=self._at(path),
            hint="a mirror may be incomplete: try again later",
        )

    def _at(self, path: str) -> str:
        return f"{self.where}/{path}"

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError("targets are fetched by the session")  # pragma: no cover
