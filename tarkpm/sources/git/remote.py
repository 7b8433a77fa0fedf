"""Fetch the objects of a remote repository, in as few round trips and bytes as its server allows.

The first request fetches a commit and its trees without files, the second one the requested files. If a
server refuses this, tarkpm falls back: without filters, the first request fetches the whole commit; if files
cannot be fetched by id, the commit is fetched again with all files; if commits cannot be fetched by id, all
branches and tags are fetched with their history. Packs are kept in files, within the limits.
"""

import contextlib
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from dulwich.client import FetchPackResult, LsRemoteResult
from dulwich.refs import Ref

from tarkpm.errors import Garbled, NotFound, Refused, TooLarge
from tarkpm.io.proxies import split_proxy
from tarkpm.sources.git.access import Route
from tarkpm.sources.git.error_translation import AccessDenied, clean, translated
from tarkpm.sources.git.limits import TransferBudget, TransferLimits
from tarkpm.sources.git.objects import TAGS, Object
from tarkpm.sources.git.packfile import PackFile
from tarkpm.sources.git.packguard import PackGuard
from tarkpm.sources.git.transport import NO_REFS

BLOBLESS: Final = b"blob:none"
GRAPH: Final = (b"tree:0", BLOBLESS, None)
"""Filters for commits without contents, best first: a server may refuse one and accept the next."""
HEADS_AND_TAGS: Final = (b"refs/heads/", TAGS)
MAX_WANTS: Final = 5000
"""Limit of ids in one request."""

_SPOOL = 8 << 20
_UNPACKING = threading.Lock()
"""Held while a pack is unpacked: sessions receive in parallel, but parallel unpacking only costs memory."""

_Refs = Mapping[bytes, bytes]
_Wants = Callable[[_Refs], list[bytes]]


class GitClient(Protocol):
    """The part of dulwich's client interface that is used. A client belongs to one repository."""

    @property
    def serves_any_commit(self) -> bool:
        """Return whether a commit that the server refuses does not exist in the repository."""

    def get_refs(self, path: Any, *, ref_prefix: Sequence[bytes]) -> LsRemoteResult:
        """Request the refs that begin with a prefix (gitprotocol-v2(5), ls-refs)."""

    def fetch_pack(self, path: Any, *arguments: Any, **options: Any) -> FetchPackResult:
        """Request objects and write the pack (gitprotocol-v2(5), fetch)."""

    def close(self) -> None:
        """Close every connection."""


class RemoteObjects:
    """The `Objects` of one repository behind HTTP, ssh or ``git://``.

    ``notes`` collects messages for the user. Every method raises only `SourceError`.
    """

    def __init__(self, route: Route, limits: TransferLimits, notes: list[str]) -> None:
        proxy = split_proxy(route.proxy).url if route.proxy else ""
        self._budget = TransferBudget(limits, route.where, proxy)
        self._client = _client(route, self._budget, notes)
        self._packs: list[PackFile] = []
        self._histories: list[PackFile] = []
        """Packs of commits whose trees may be missing. They do not count as fetched commits."""
        self._refs: dict[str, str | None] = {}

    def close(self) -> None:
        """Close the connections and delete what was fetched."""
        self._client.close()
        self._budget.close()
        for packs in (self._packs, self._histories):
            while packs:
                packs.pop().close()

    def ref(self, name: str) -> str | None:
        """Return the id of a ref, requested once: two round trips for the first ref, one for each other."""
        if name not in self._refs:
            self._refs[name] = self._ask(name)
        return self._refs[name]

    def _ask(self, name: str) -> str | None:
        wanted = Ref(name.encode())
        with translated(self._budget):
            answer = self._client.get_refs("", ref_prefix=[wanted])
            self._check_format(answer.object_format)
            value = answer.refs.get(wanted)
            return value.decode("ascii") if value else None

    def tags(self) -> list[str]:
        """Return the names of all tags: one request, whose answer `TransferLimits.meta` bounds."""
        with translated(self._budget):
            answer = self._client.get_refs("", ref_prefix=[TAGS])
            self._check_format(answer.object_format)
            names = (bytes(name) for name in answer.refs if name.startswith(TAGS))
            return [name[len(TAGS) :].decode("utf-8", "replace") for name in names]

    def find(self, oid: str) -> Object | None:
        """Return an object that was fetched, else None."""
        with translated(self._budget):
            packs = (*self._packs, *self._histories)
            return next((found for pack in packs if (found := pack.find(oid))), None)

    def _has(self, oid: str) -> bool:
        """Return whether an object is here, a commit with its trees."""
        return any(oid in pack for pack in self._packs)

    def need_commit(self, oid: str, *also: str) -> None:
        """Fetch a commit and its trees, and the commits or tags in ``also``, unless they are here.

        Raises `NotFound` and `Garbled`.
        """
        missing = [each for each in dict.fromkeys((oid, *also)) if not self._has(each)]
        if not missing:
            return
        try:
            # Step 1: commit and trees without files, by id (partial clone: the server must support filters).
            self._fetch(missing, depth=1, only=BLOBLESS)
        except AccessDenied as refusal:
            # Step 2: one refused id refuses the whole request, so each is requested alone.
            if len(missing) > 1:
                for each in missing:
                    self.need_commit(each)
                return
            # Step 3: the server serves only what refs name, so the commit is searched in their history.
            self._search(oid if oid in missing else missing[0], refusal, BLOBLESS)
        self._check_sent(missing)

    def need_history(self, tip: str, known: str) -> None:
        """Fetch the commits between ``known`` and ``tip``, in one request if the server can filter trees."""
        if self._has(tip) and tip == known:
            return
        for only in GRAPH:
            try:
                self._fetch([tip], only=only, have=known)
                break
            except AccessDenied:
                if only is None:
                    raise

    def need_blobs(self, commit: str, oids: Sequence[str]) -> None:
        """Fetch missing blobs, in one request for each `MAX_WANTS`.

        Raises `NotFound`, `TooLarge` and `Garbled`.
        """
        missing = sorted({oid for oid in oids if not self._has(oid)})
        for start in range(0, len(missing), MAX_WANTS):
            some = missing[start : start + MAX_WANTS]
            try:
                # These go into a release; in a commit fetched whole, other files may be of any size.
                self._fetch(some, largest=self._budget.limits.blob)
            except AccessDenied:
                self._whole(commit)
                break
        self._check_sent(missing)

    def _whole(self, commit: str) -> None:
        try:
            self._fetch([commit], depth=1)
        except AccessDenied as refusal:
            self._search(commit, refusal, None)

    def _search(self, commit: str, refusal: AccessDenied, only: bytes | None) -> None:
        """Fetch the history of all branches and tags, to find a commit that is not served by its id."""

        where = self._budget.where

        def everything(refs: _Refs) -> list[bytes]:
            # The target of an annotated tag is listed as "NAME^{}", but the server need not serve it by id.
            names = [name for name in refs if name.startswith(HEADS_AND_TAGS) and not name.endswith(b"^{}")]
            ids = {refs[name] for name in names}
            if len(ids) > MAX_WANTS:  # the commit might be in the history of one that is left out
                raise TooLarge(f"over {MAX_WANTS:,} branches and tags", where=where)
            return sorted(ids)

        if self._client.serves_any_commit:
            raise NotFound(f"there is no commit {commit}", where=where) from refusal
        try:
            self._receive(everything, prefix=HEADS_AND_TAGS, only=only)
        except AccessDenied:
            raise refusal from None
        except TooLarge as problem:
            raise NotFound(
                f"commit {commit} cannot be fetched by its id, and the history is too large to search",
                where=where,
            ) from problem
        if not self._has(commit):
            raise NotFound(f"commit {commit} is on no branch or tag", where=where)

    def _fetch(
        self,
        oids: Sequence[str],
        *,
        depth: int | None = None,
        only: bytes | None = None,
        largest: int = 0,
        have: str = "",
    ) -> None:
        wanted = [oid.encode() for oid in oids]
        self._receive(
            lambda _refs: wanted, prefix=(NO_REFS,), depth=depth, only=only, largest=largest, have=have
        )

    def _receive(
        self,
        wants: _Wants,
        *,
        prefix: Sequence[bytes],
        depth: int | None = None,
        only: bytes | None = None,
        largest: int = 0,
        have: str = "",
    ) -> None:
        """Fetch once: receive a pack, check it with the guard while it arrives, and keep it."""
        # 1. Check while receiving: nothing is unpacked before the whole pack has passed.
        guard = PackGuard(self._budget, largest or self._budget.limits.inflated)
        with translated(self._budget), contextlib.ExitStack() as stack:
            # Small packs stay in memory, large ones in an unlinked temporary file.
            pack = stack.enter_context(tempfile.SpooledTemporaryFile(_SPOOL))

            def write(data: bytes) -> int:
                guard.feed(data)
                return pack.write(data)

            def determine_wants(refs: Any, depth: int | None = None) -> Any:  # noqa: ARG001  dulwich passes it
                return wants(refs)

            # 2. Negotiate and receive. `wants` is called with the refs, if any were requested.
            result = self._client.fetch_pack(
                "",
                determine_wants,
                _Haves(have),
                write,
                depth=depth,
                ref_prefix=list(prefix),
                filter_spec=only,
            )
            # 3. Refuse other object formats before the pack is interpreted.
            self._check_format(result.object_format)
            # The server sends no pack if it has nothing to send; `_check_sent` notices missing objects.
            if pack.tell():
                # 4. Check the end of the pack, then compute the ids of its objects from their contents.
                guard.finish()
                with _UNPACKING:
                    packs = self._histories if have else self._packs
                    packs.append(PackFile(pack, guard.entries, self._budget))
                stack.pop_all()

    def _check_sent(self, oids: Sequence[str]) -> None:
        for oid in oids:
            if not self._has(oid):
                # A server may accept a request and still leave objects out.
                raise Garbled(f"the server did not send object {oid}", where=self._budget.where)

    def _check_format(self, name: str | None) -> None:
        """Raise `Refused` for a SHA-256 repository: tarkpm and tark.lock support only ids of 40 digits."""
        if name not in (None, "sha1"):
            text = f"expected a repository of sha1 objects, found '{clean(name or '', 20)}'"
            raise Refused(text, where=self._budget.where)


def _client(route: Route, budget: TransferBudget, notes: list[str]) -> GitClient:
    if route.url.scheme in ("ssh", "git"):
        from tarkpm.sources.git import stream

        return stream.StreamGitClient(route, budget)
    from tarkpm.sources.git import transport

    return transport.HttpGitClient(route, budget, notes)


class _Haves:
    """dulwich's "graph walker", which lists the commits that are here: at most one, with its history."""

    shallow = None

    def __init__(self, oid: str = "") -> None:
        self._left = [oid.encode()] if oid else []

    def __next__(self) -> bytes | None:
        return self._left.pop() if self._left else None

    def ack(self, sha: bytes) -> None:
        """Do nothing: there is nothing else to offer."""

    def nak(self) -> None:
        """Do nothing: there is nothing else to offer."""
