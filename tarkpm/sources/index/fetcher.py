"""Fetch the metadata of an index for tuf. Its shape is checked here (`shape`), its signatures by tuf."""

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
"""The URL prefix that tuf is given for the index."""
FIRST: Final = f"{METADATA}/1.{ROOT}.json"
MAX_AHEAD: Final = 256 << 20
"""Limit of metadata fetched before tuf asks for it, in bytes."""

_NAME = re.compile(r"(?:[0-9]+\.)?([A-Za-z0-9-]+)\.json")


class Fetcher(FetcherInterface):
    """Fetch metadata from a location. ``deadline`` is that of the current query."""

    def __init__(self, place: IndexLocation, where: str, threads: int, patience: Patience) -> None:
        self.place, self.where, self.patience = place, where, patience
        self.deadline = time.monotonic()
        self.seen: dict[str, shape.Seen] = {}
        self._threads = threads
        self._ahead: dict[str, bytes] = {}
        self._ahead_bytes = 0
        self._mutex = threading.Lock()

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Return metadata for tuf. Raises `DownloadHTTPError` if there is no newer root, and `TarkError`."""
        path = url.removeprefix(PREFIX)
        name = path.removeprefix(f"{METADATA}/")
        match = _NAME.fullmatch(name)
        role = match[1] if match else name
        data = self._ahead.pop(path, None)
        if data is None:
            data = self.get(path, max_length, role)
        # Data fetched ahead was read with the largest limit; tuf's limit for this role may be lower.
        if len(data) > max_length:
            raise self._too_large(path, max_length)
        # Before tuf sees the metadata: a valid signature must not make up for a shape that permits an attack.
        self.seen[role] = shape.check(role, data, where=self._at(path))
        return data

    def fetch_ahead(self, names: Iterable[str]) -> None:
        """Fetch metadata that tuf may ask for, in parallel; missing files are skipped. Raises `TarkError`."""
        gather(self.place, self._fetch_ahead, list(names), threads=self._threads)

    def forget(self) -> None:
        """Drop metadata that was fetched ahead and not used."""
        self._ahead.clear()
        self._ahead_bytes = 0

    def soon(self) -> float:
        """Return the deadline of a file requested now."""
        return min(self.deadline, within(self.patience.file))

    def _fetch_ahead(self, name: str) -> None:
        path = f"{METADATA}/{name}"
        try:
            data = self.place.get(path, shape.MAX_SIZE[TOP], self.soon())
        except Missing:
            return  # only a guess: if tuf asks for the file, it gets the error
        except TooLarge:
            raise self._too_large(path, shape.MAX_SIZE[TOP]) from None
        with self._mutex:
            self._ahead_bytes += len(data)
            if self._ahead_bytes > MAX_AHEAD:
                raise self._too_large(path, MAX_AHEAD)
            self._ahead[path] = data

    def get(self, path: str, limit: int, role: str = "") -> bytes:
        """Return an unchecked file. Raises `TarkError`, and `DownloadHTTPError` for a missing root."""
        try:
            return self.place.get(path, limit, self.soon())
        except Missing as problem:
            # tuf asks for the next root until there is none (TUF specification, 5.3.3), and expects this
            # error.
            if role == ROOT:
                raise DownloadHTTPError(path, 404) from None
            raise self._missing(path, problem) from None
        except TooLarge:
            raise self._too_large(path, limit) from None

    def _too_large(self, path: str, limit: int) -> IndexUntrusted:
        return IndexUntrusted(f"the metadata has more than {limit:,} bytes", where=self._at(path))

    def _missing(self, path: str, problem: Missing) -> Unreachable:
        # Without one of these two files there is no index here; without another one, the index is incomplete.
        if path in (FIRST, f"{METADATA}/{TIMESTAMP}.json"):
            text = "there is no index here"
            # Servers answer 403 to a reader without a token, object stores for a file that does not exist.
            if problem.hint:
                text = "the index refuses access, or there is none here"
            return unreachable(f"{text} (HTTP {problem.status})", where=self._at(path), hint=problem.hint)
        return unreachable(
            f"a listed file is missing (HTTP {problem.status})",
            where=self._at(path),
            hint="try again later: a mirror may be incomplete",
        )

    def _at(self, path: str) -> str:
        return f"{self.where}/{path}"

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError("the session fetches targets")  # pragma: no cover
