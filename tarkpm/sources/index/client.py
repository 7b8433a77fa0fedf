"""The client of one index for one command: claims, rows, releases and the catalogue.

Claims and rows are verified through TUF. Releases are checked only against their digests: `core.verification`
checks that a publisher signed them, and the claim says whether this publisher may.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from tarkpm.core import claim as claims
from tarkpm.core import osv, rows, search
from tarkpm.core.advised import IndexAdvisories, parse_part
from tarkpm.core.claim import Claim
from tarkpm.core.digest import FileEntry
from tarkpm.core.layout import (
    CLAIMS,
    SEARCH,
    advisories_path,
    advisory_path,
    claim_path,
    release_file,
    rows_path,
)
from tarkpm.core.lockfile import Pin, StatementEntry
from tarkpm.core.project import IndexEntry
from tarkpm.core.release import PluginName, folded
from tarkpm.core.rows import Listing
from tarkpm.core.tlog.log import LogKeys, log_keys
from tarkpm.errors import DigestMismatch, IndexUntrusted, TooLarge
from tarkpm.io.login import Login
from tarkpm.io.paths import expanded
from tarkpm.io.proxies import DIRECT, Proxies
from tarkpm.sources.index import cached
from tarkpm.sources.index.files import split_parts
from tarkpm.sources.index.places import (
    USUAL,
    Folder,
    Frozen,
    IndexLocation,
    Missing,
    Patience,
    Web,
    gather,
    unreachable,
    within,
)

if TYPE_CHECKING:
    from tarkpm.sources.index.log import LogFiles
    from tarkpm.sources.index.session import Session

N = TypeVar("N", Claim, Listing)

NO_FLOORS: Final[Mapping[str, int]] = {}
MAX_RELEASE: Final = 512 << 20
"""Size limit of a release, statement and files together, in bytes."""


class IndexClient:
    """An index, for one command: metadata is refreshed at most once. Close it, or use it in ``with``."""

    def __init__(
        self,
        index: IndexEntry,
        *,
        cache: Path,
        base: Path,
        lock_seconds: float,
        proxies: Proxies = DIRECT,
        authorities: str = "",
        token: str = "",
        login: Login | None = None,
        allow_http: bool = False,
        threads: int = 16,
        patience: Patience = USUAL,
        floors: Mapping[str, int] = NO_FLOORS,
        kept: bool = False,
        frozen: Frozen | None = None,
        recorded: dict[str, bytes] | None = None,
        through: Callable[[IndexLocation], IndexLocation] | None = None,
    ) -> None:
        """Set up the client without a request.

        The path of a folder is relative to ``base``. ``token`` (as ``Bearer``), or else ``login``, is sent
        only to the index's own server, and never unencrypted. ``floors`` is an earlier value of `seen`.
        With ``kept``, the index is asked as the cache kept it, and with ``frozen`` as that place has it,
        without a network: ``is_frozen`` then. ``recorded`` is that of `Session`. ``through`` wraps the place.
        """
        self.is_frozen = kept or frozen is not None
        self._kept, self._frozen_place, self._through = kept, frozen, through
        self._floors, self._recorded, self.index = floors, recorded, index
        self._cache, self._base, self._lock_seconds, self._threads = cache, base, lock_seconds, threads
        self._patience = patience
        self._web = partial(
            Web,
            index.url,
            proxies=proxies,
            authorities=authorities,
            token=token,
            token_variable=index.token_variable,
            login=login,
            allow_http=allow_http,
            threads=threads,
            body=MAX_RELEASE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections."""
        if "_place" in self.__dict__:
            self._place.close()

    def claims(
        self, names: Collection[PluginName], likely: Iterable[Claim] = ()
    ) -> dict[PluginName, Claim | None]:
        """Return the claims of these plugins; None for a plugin the index does not have.

        A claim with the signed digest of a ``likely`` one is not fetched.

        Raises `IndexUntrusted`, `IndexStale`, `Unreachable`, `Refused`, `StoreBusy` and `StoreError`.
        """
        texts = {claim_path(claim.name): claims.render(claim) for claim in likely}
        return self._documents(names, claim_path, claims.parse, claims.MAX_CLAIM, texts)

    @property
    def seen(self) -> dict[str, int]:
        """The versions of maintainers' metadata that this client used, for ``floors`` of the next client."""
        return dict(self.session.floors.seen)

    def listings(self, names: Collection[PluginName]) -> dict[PluginName, Listing | None]:
        """Return the releases of these plugins; None for a plugin without any. Raises like `claims`."""
        return self._documents(names, rows_path, rows.parse, rows.MAX_ROWS)

    def advisories(self, names: Collection[PluginName], known: IndexAdvisories) -> IndexAdvisories:
        """Return the whole list of advisories, and the documents of those of ``names``. Raises like `claims`.

        ``known`` documents are kept as long as they are listed, and fetched again when they were modified.
        ``checked`` is left to the caller.
        """
        listed: dict[str, dict[str, str]] = {}
        for number, data in enumerate(self.session.list_parts()):
            for name, rows_ in parse_part(data, where=self._at(advisories_path(number))).items():
                listed.setdefault(folded(name), {}).update(rows_)
        # What is known as listed is not asked for again. In order, so that equal knowledge is equal.
        before = IndexAdvisories(listed, known.records)
        names_ = {*map(folded, names), *(name for name in listed if any(before.of(name)))}
        wanted = sorted(id_ for name in names_ for id_ in before.unread(name))
        paths = {id_: advisory_path(id_) for id_ in wanted}
        found = self.session.targets(list(paths.values()), osv.MAX_ADVISORY) if paths else {}
        new = {id_: self._record(id_, found[path], listed) for id_, path in paths.items()}
        there = {id_ for ids in listed.values() for id_ in ids}
        kept = {id_: data for id_, data in known.records.items() if id_ in there}
        return IndexAdvisories(
            listed,
            dict(sorted((kept | new).items())),
            expires=int(self.session.fresh_until.timestamp()),
            version=self.seen.get(CLAIMS, 0),
        )

    def _record(self, id_: str, data: bytes | None, listed: Mapping[str, Mapping[str, str]]) -> bytes:
        where = self._at(advisory_path(id_))
        if data is None:
            raise IndexUntrusted(f"the index lists the advisory {id_} and does not have it", where=where)
        one = osv.parse(data, where=where)
        # Another advisory's document could hide this one; an older document could hide its change.
        if (one.id, one.index) != (id_, self.index.root):
            raise IndexUntrusted(f"expected the advisory {id_}, found {one.id} of {one.index}", where=where)
        if listed.get(folded(one.name), {}).get(id_) != one.modified:
            raise IndexUntrusted(f"the advisory {id_} differs from the list of advisories", where=where)
        return data

    def search(self) -> Iterator[search.SearchEntry]:
        """Yield the search catalogue, one entry per plugin; empty if there is none. Raises like `claims`."""
        data = self.session.targets([SEARCH], search.MAX_SEARCH)[SEARCH]
        if data is None:
            return iter(())
        return search.parse(data.splitlines(), where=self._at(SEARCH))

    def refresh(self) -> None:
        """Check that the index is reachable, fresh, and has the trusted root. Raises like `claims`."""
        self.session.targets([], 0)

    @cached_property
    def log(self) -> LogKeys | None:
        """The keys of the log that the index's root names; None without a log. Raises like `claims`."""
        self.refresh()
        table = self.session.log
        return None if table is None else log_keys(table, where=self.index.url)

    @cached_property
    def log_files(self) -> "LogFiles":
        """The files of the log."""
        from tarkpm.sources.index.log import LogFiles

        return LogFiles(self._place, self.index.url, self._threads, self._patience)

    def release(
        self, name: PluginName, statement: StatementEntry, files: tuple[FileEntry, ...]
    ) -> dict[str, bytes]:
        """Return the statement (as `STATEMENT`) and files of a release by name, with their digests checked.

        Reads no metadata. Raises `DigestMismatch`, `Unreachable`, `TooLarge` and `Refused`.
        """
        return self._release(Pin(name, statement, files))

    def releases(self, many: Iterable[Pin]) -> list[dict[str, bytes]]:
        """Fetch several releases in parallel; returns them in order. Raises like `release`."""
        return gather(self._place, self._release, list(many), threads=self._threads)

    def _release(self, pin: Pin) -> dict[str, bytes]:
        path = release_file(pin.statement.sha256)
        where = self._at(path)
        size = sum(part.size for part in pin.parts)
        # The sizes come from an index row or a lock: each is bounded, their sum is not.
        if size > MAX_RELEASE:
            raise TooLarge(f"the release of {pin.name} has more than {MAX_RELEASE:,} bytes", where=where)
        try:
            # One request: an index keeps the statement and the files of a release in one file, in this order.
            data = self._place.get(path, size, within(self._patience.for_release(size)))
        except Missing as problem:
            text = f"the index does not have this release of {pin.name} (HTTP {problem.status})"
            raise unreachable(text, where=where) from None
        # The size is signed or locked, so a longer file has other contents.
        except TooLarge:
            text = f"the release of {pin.name} has more than {size:,} bytes"
            raise DigestMismatch(text, where=where) from None
        return dict(split_parts(data, pin.parts, where))

    def _documents(
        self,
        names: Collection[PluginName],
        path_of: Callable[[PluginName], str],
        parse: Callable[..., N],
        limit: int,
        likely: Mapping[str, bytes] = {},  # never changed, so a shared default is safe
    ) -> dict[PluginName, N | None]:
        if not names:
            return {}
        paths = {name: path_of(name) for name in names}
        # Two spellings of a name have one path, which is requested once.
        found = self.session.targets(list(dict.fromkeys(paths.values())), limit, likely)
        result: dict[PluginName, N | None] = {}
        for name, path in paths.items():
            data = found[path]
            document = result[name] = None if data is None else parse(data, where=self._at(path))
            # Its path is derived from the folded name: the spelling may differ, the name may not.
            if document is not None and folded(document.name) != folded(name):
                raise IndexUntrusted(
                    f"expected the index's document for '{name}', found '{document.name}'",
                    where=self._at(path),
                )
        return result

    @cached_property
    def session(self) -> "Session":
        """The verified metadata and target files of the index."""
        from tarkpm.sources.index.session import Session

        return Session(
            self._place,
            self.index.root,
            self._cache,
            where=self.index.url,
            threads=self._threads,
            lock_seconds=self._lock_seconds,
            patience=self._patience,
            floors=self._floors,
            frozen=self._frozen,
            on_disk=self._frozen_place is None,
            recorded=self._recorded,
        )

    @cached_property
    def _frozen(self) -> Frozen | None:
        if self._kept:
            from tarkpm.sources.index.kept import Kept

            return Kept(cached.folder(self._cache, self.index.root))
        return self._frozen_place

    @cached_property
    def _place(self) -> IndexLocation:
        folder = "://" not in self.index.url
        place = self._frozen or (Folder(self._base / expanded(self.index.url)) if folder else self._web())
        return self._through(place) if self._through else place

    def _at(self, path: str) -> str:
        return f"{self.index.url}/{path}"
