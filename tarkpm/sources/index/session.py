"""One index, queried by one command: python-tuf's updater over a local cache.

The cache contains verified metadata and recent target files, in a folder named by the digest of the index's
first root. Files in it may be missing, truncated or damaged at any time, and are then fetched again. tuf's
updater is safe neither for several processes nor for threads, so each query holds a file lock and a mutex.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    ExpiredMetadataError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Signed, TargetFile, Targets

from tarkpm.core.advised import MAX_PART
from tarkpm.core.digest import sha256
from tarkpm.core.layout import (
    ADVISORIES_FIELD,
    CLAIMS,
    INDEX,
    LOG_FIELD,
    METADATA,
    ROOT,
    SNAPSHOT,
    TIMESTAMP,
    TOP,
    advisories_path,
)
from tarkpm.errors import IndexUntrusted, StoreError, TarkError
from tarkpm.io.files import make_private
from tarkpm.io.locks import exclusive
from tarkpm.sources.index import bins, cached, shape
from tarkpm.sources.index.engine import Updater, UpdaterConfig
from tarkpm.sources.index.fetcher import FIRST, PREFIX, Fetcher
from tarkpm.sources.index.files import NOTHING, TargetFiles
from tarkpm.sources.index.floors import Floors, stale
from tarkpm.sources.index.kept import check_lifetimes, expired, last_fresh
from tarkpm.sources.index.places import Frozen, IndexLocation, Patience, within

R = TypeVar("R")

_CONFUSED: Final = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""Exceptions that tuf's parsers may raise besides tuf's own errors."""
_CONFIG: Final = UpdaterConfig(
    max_root_rotations=256,
    max_delegations=4,
    root_max_length=shape.MAX_SIZE[ROOT],
    timestamp_max_length=shape.MAX_SIZE[TIMESTAMP],
    snapshot_max_length=shape.MAX_SIZE[SNAPSHOT],
    targets_max_length=shape.MAX_SIZE[TOP],
)


class Session:
    """Verified target files. The first query refreshes metadata."""

    def __init__(
        self,
        place: IndexLocation,
        root: str,
        cache: Path,
        *,
        where: str,
        threads: int,
        lock_seconds: float,
        patience: Patience,
        floors: Mapping[str, int],
        frozen: Frozen | None = None,
        on_disk: bool = True,
        recorded: dict[str, bytes] | None = None,
    ) -> None:
        """Set up a session without a request.

        ``root`` is the digest of the index's first root, where trust begins. ``floors`` are versions of
        maintainers' metadata seen before (`Floors`). ``frozen`` is the place, if it is one (`kept`). Without
        ``on_disk`` the cache is neither read nor written. ``recorded`` gets every verified file that the
        session uses, wherever it came from, by its path in the index.
        """
        self._frozen, self._on_disk, self._recorded = frozen, on_disk, recorded
        self.floors = Floors(floors, where, frozen=frozen is not None)
        self._place, self._where, self._threads, self._lock_seconds = place, where, threads, lock_seconds
        self._first = root.removeprefix("sha256:")
        self._folder = cached.folder(cache, root)
        self._fetcher = Fetcher(place, where, threads, patience)
        inside = self._folder if on_disk else None
        self._files = TargetFiles(place, where, inside, self._fetcher, threads, recorded)
        self._updater: Updater | None = None
        self._mutex = threading.Lock()

    def targets(
        self, paths: Sequence[str], limit: int, likely: Mapping[str, bytes] = NOTHING
    ) -> dict[str, bytes | None]:
        """Return the verified bytes of target files; None for a file the index does not have.

        ``likely`` are guessed contents: a file whose signed digest matches its guess is not fetched.

        Raises `IndexUntrusted`, `IndexStale`, `Unreachable`, `Refused`, `StoreBusy` and `StoreError`.
        """
        return self._query(lambda: self._targets(paths, limit, likely))

    def list_parts(self) -> list[bytes]:
        """Return the parts of the list of advisories, in order, if there are any. Raises like `targets`.

        It costs no request when nothing has changed: `claims` names the parts, and every query loads it.
        """
        return self._query(self._list_parts)

    def loaded(self, roles: Mapping[str, str]) -> dict[str, Signed]:
        """Return verified metadata of delegated roles, given the parent of each. Raises like `targets`."""
        return self._query(lambda: self._loaded(roles))

    def contents(self, infos: Mapping[str, TargetFile], limit: int) -> dict[str, bytes]:
        """Return the bytes of target files that verified metadata lists. Raises like `targets`."""
        return self._query(lambda: self._files.obtain(infos, limit))

    def _loaded(self, roles: Mapping[str, str]) -> dict[str, Signed]:
        with self._translated():
            updater = self._updater or self._opened()
            found = {role: updater.load(role, parent) for role, parent in roles.items()}
            self.floors.check(updater, [path for one in found.values() for path in targets_of(one)])
            return found

    def _query(self, ask: Callable[[], R]) -> R:
        """Call ``ask``, and once more with a repaired cache: another process may have deleted files."""
        make_private(self._folder.parent)
        lock = self._folder.with_suffix(".lock")
        with self._mutex, exclusive(lock, "tarkpm", self._lock_seconds):
            self._fetcher.deadline = within(self._fetcher.patience.question)
            answer = self._twice(ask)
            if self._recorded is not None and self._updater:
                self._recorded |= {f"{METADATA}/{name}": data for name, data in self._updater.files.items()}
            return answer

    def _twice(self, ask: Callable[[], R]) -> R:
        try:
            return ask()
        except OSError:
            self._updater = None
        try:
            return ask()
        except OSError as problem:
            raise StoreError(
                f"the cache is unusable: {problem.strerror or problem}", where=str(self._folder)
            ) from None

    def _targets(
        self, paths: Sequence[str], limit: int, likely: Mapping[str, bytes]
    ) -> dict[str, bytes | None]:
        with self._translated():
            # 1. Load trusted metadata, refreshed once per command (TUF specification, 5.3 to 5.6).
            updater = self._updater or self._opened()
            # 2. Fetch in parallel what tuf will ask for: tuf itself fetches one file after the other.
            self._fetcher.fetch_ahead(self._missing(self._listed(paths)))
            # 3. Follow the delegations to each target (5.6.7). tuf checks signatures, versions and expiry.
            infos = {path: updater.get_targetinfo(path) for path in paths}
            self._fetcher.forget()
            # 4. Compare with the versions seen before: the metadata is validly signed but may be old.
            self.floors.check(updater, paths)
            if self._frozen:
                check_lifetimes(self.floors.used(updater, paths), datetime.now(UTC), where=self._where)
        # 5. Use contents that are here and have the signed digest, and fetch the others (5.7).
        known = {path: info for path, info in infos.items() if info is not None}
        return dict.fromkeys(paths) | self._files.obtain(known, limit, likely)

    def _list_parts(self) -> list[bytes]:
        with self._translated():
            updater = self._updater or self._opened()
            claims = updater.load(CLAIMS, TOP)
            self.floors.check(updater, [])
            field = claims.unrecognized_fields.get(ADVISORIES_FIELD)
            parts = shape.list_parts(field, where=self._where)
        infos = {
            path: TargetFile(part.length, {"sha256": part.sha256}, path)
            for path, part in ((advisories_path(number), part) for number, part in enumerate(parts))
        }
        return list(self._files.obtain(infos, MAX_PART).values())

    @property
    def fresh_until(self) -> datetime:
        """The time at which the timestamp of this session expires."""
        used = self._updater and self._updater.used(TIMESTAMP)
        return used.expires if used else datetime.fromtimestamp(0, UTC)

    @property
    def log(self) -> object:
        """The table of the log in the root of this session; None without one."""
        used = self._updater and self._updater.used(ROOT)
        return used.unrecognized_fields.get(LOG_FIELD) if used else None

    def _opened(self) -> Updater:
        """Return a refreshed updater. Trust begins with the first root, never with cached metadata."""
        cached.heal(self._folder)
        # tuf loads these from the cache without the fetcher, so their shape is checked here.
        for role in (TOP, CLAIMS, INDEX):
            self._cached_version(role)
        updater = Updater(
            str(self._folder),
            f"{PREFIX}{METADATA}/",
            fetcher=self._fetcher,
            config=_CONFIG,
            # Otherwise tuf would trust the root in the cache, which any process of the user can replace.
            bootstrap=self._first_root(),
            on_disk=self._on_disk,
        )
        if self._frozen:
            updater.as_of(last_fresh(self._frozen.dated(), datetime.now(UTC), where=self._where))
        updater.refresh()
        self._updater = updater
        return updater

    def _first_root(self) -> bytes:
        first = cached.read(self._folder / cached.HISTORY / "1.root.json")
        # The cache is not trusted: only the digest in tark.toml says which root is the first.
        if first is not None and sha256(first) == self._first:
            return first
        where = f"{self._where}/{FIRST}"
        data = self._fetcher.get(FIRST, shape.MAX_SIZE[ROOT])
        if (found := sha256(data)) != self._first:
            raise IndexUntrusted(
                f"this is another index: expected the first root sha256:{self._first}, found sha256:{found}",
                where=where,
                hint="compare the root with the one that the index's maintainers publish",
            )
        shape.check(ROOT, data, where=where)
        return data

    def _missing(self, roles: Mapping[str, int]) -> list[str]:
        """Return the metadata that tuf will probably ask for. This saves time and replaces no check."""
        return [
            f"{version}.{role}.json"
            for role, version in roles.items()
            if self._cached_version(role) != version
        ]

    def _listed(self, paths: Sequence[str]) -> dict[str, int]:
        """Return the roles that probably lead to these paths, with versions, guessed from the snapshot."""
        data = cached.read(self._folder / f"{SNAPSHOT}.json")
        if data is None:
            return {}
        versions = shape.check(SNAPSHOT, data, where=self._where).versions
        counts = Counter(role.partition("-")[0] for role in versions if "-" in role)
        roles = dict.fromkeys(role for path in paths for role in bins.roles(path, counts))
        return {role: versions[role] for role in roles if role in versions}

    def _cached_version(self, role: str) -> int:
        """Return the version of cached metadata, or 0; a file that is not of this role is deleted."""
        file = self._folder / f"{role}.json"
        data = cached.read(file)
        if data is None:
            return 0
        try:
            return shape.check(role, data, where=str(file)).version
        except IndexUntrusted:
            file.unlink(missing_ok=True)
            return 0

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate tuf's errors: expired, stale, badly signed or malformed metadata."""
        try:
            yield
        except (TarkError, OSError):
            raise
        except ExpiredMetadataError:
            raise expired(self._fetcher.seen, self._folder, self._where) from None
        except BadVersionNumberError as problem:
            raise stale(_first_line(problem), self._where) from None
        except UnsignedMetadataError as problem:
            raise IndexUntrusted(f"bad signature: {_first_line(problem)}", where=self._where) from None
        except (RepositoryError, DownloadError, *_CONFUSED) as problem:
            raise IndexUntrusted(
                f"not what the index's maintainers signed: {_first_line(problem)}", where=self._where
            ) from None


def targets_of(signed: Signed) -> Mapping[str, TargetFile]:
    """Return the target files that metadata lists; none for other metadata."""
    return signed.targets if isinstance(signed, Targets) else {}


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0][:160]
