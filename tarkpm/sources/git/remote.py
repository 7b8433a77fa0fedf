"""The objects of a repository behind HTTP, in as few round trips and bytes as its server allows.

First a commit and its trees, without files; then, in one request, just the files that were asked for. What
a server refuses is had another way, in this order: it does not filter, so the whole of the commit comes at
once; it gives no files by id, so the commit is fetched again with all its files; it gives no commits by id,
so all branches and tags are fetched with their history. All of it stays in memory, within the limits.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Final

from dulwich.client import FetchPackResult
from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.pack import PackData, UnpackedObjectIterator
from dulwich.refs import Ref

from tarkpm.errors import NotFound, Refused, TooLarge
from tarkpm.sources.git.boundary import Denied, clean, translated
from tarkpm.sources.git.limits import Budget, Limits
from tarkpm.sources.git.objects import KINDS, Object
from tarkpm.sources.git.packguard import PackGuard
from tarkpm.sources.git.transport import NO_REFS, Client
from tarkpm.sources.git.url import GitUrl

BLOBLESS: Final = b"blob:none"
HEADS_AND_TAGS: Final = (b"refs/heads/", b"refs/tags/")
MAX_WANTS: Final = 5000
"""Ids asked for in one request."""

_SPOOL = 16 << 20
_Refs = Mapping[bytes, bytes]
_Wants = Callable[[_Refs], list[bytes]]


class RemoteObjects:
    """`Objects` of one repository behind HTTP."""

    def __init__(self, url: GitUrl, limits: Limits, *, allow_http: bool, notes: list[str]) -> None:
        self._budget = Budget(limits, url.public)
        self._client = Client(url, self._budget, allow_http=allow_http, notes=notes)
        self._objects: dict[str, Object] = {}

    def close(self) -> None:
        """Close the connections; what was fetched is forgotten."""
        self._client.close()
        self._budget.close()
        self._objects.clear()

    def ref(self, name: str) -> str | None:
        """Ask for one ref; two round trips the first time, one after."""
        wanted = Ref(name.encode())
        with translated(self._budget):
            answer = self._client.get_refs("", ref_prefix=[wanted])
            self._check_format(answer.object_format)
            value = answer.refs.get(wanted)
            return value.decode("ascii") if value else None

    def find(self, oid: str) -> Object | None:
        """An object that was fetched."""
        return self._objects.get(oid)

    def need_commit(self, oid: str) -> None:
        """Fetch a commit and its trees, unless they are here."""
        if oid in self._objects:
            return
        try:
            self._fetch([oid], depth=1, only=BLOBLESS)
        except Denied as refusal:
            self._search(oid, refusal, BLOBLESS)
        self._check_sent([oid])

    def need_blobs(self, commit: str, oids: Sequence[str]) -> None:
        """Fetch the blobs that are not here, in one request."""
        missing = sorted({oid for oid in oids if oid not in self._objects})
        if not missing:
            return
        try:
            # These go into a release; in a commit fetched whole, other files may be of any size.
            self._fetch(missing, largest=self._budget.limits.blob)
        except Denied:
            self._whole(commit)
        self._check_sent(missing)

    def _whole(self, commit: str) -> None:
        try:
            self._fetch([commit], depth=1)
        except Denied as refusal:
            self._search(commit, refusal, None)

    def _search(self, commit: str, refusal: Denied, only: bytes | None) -> None:
        """Fetch the history of all branches and tags: somewhere in it the commit may be."""

        def everything(refs: _Refs) -> list[bytes]:
            ids = {value for name, value in refs.items() if name.startswith(HEADS_AND_TAGS)}
            return sorted(ids)[:MAX_WANTS]

        where = self._budget.where
        if self._client.serves_any_commit:
            raise NotFound(f"there is no commit {commit}", where=where) from refusal
        try:
            self._receive(everything, prefix=HEADS_AND_TAGS, only=only)
        except Denied:
            raise refusal from None
        except TooLarge as problem:
            raise NotFound(
                f"commit {commit} is not given by its id, and the history is too large to search", where=where
            ) from problem
        if commit not in self._objects:
            raise NotFound(f"commit {commit} is on no branch or tag", where=where)

    def _fetch(
        self, oids: Sequence[str], *, depth: int | None = None, only: bytes | None = None, largest: int = 0
    ) -> None:
        wanted = [oid.encode() for oid in oids[:MAX_WANTS]]
        self._receive(lambda _refs: wanted, prefix=(NO_REFS,), depth=depth, only=only, largest=largest)

    def _receive(
        self,
        wants: _Wants,
        *,
        prefix: Sequence[bytes],
        depth: int | None = None,
        only: bytes | None = None,
        largest: int = 0,
    ) -> None:
        """One fetch: receive a pack, past the guard, and unpack it."""
        guard = PackGuard(self._budget, largest or self._budget.limits.inflated)
        with translated(self._budget), tempfile.SpooledTemporaryFile(_SPOOL) as pack:

            def write(data: bytes) -> int:
                guard.feed(data)
                return pack.write(data)

            def determine_wants(refs: Any, depth: int | None = None) -> Any:  # noqa: ARG001  dulwich passes it
                return wants(refs)

            result: FetchPackResult = self._client.fetch_pack(
                "",
                determine_wants,
                _NoHaves(),
                write,
                depth=depth,
                ref_prefix=list(prefix),
                filter_spec=only,
            )
            self._check_format(result.object_format)
            if pack.tell():
                guard.finish()
                self._unpack(pack)

    def _unpack(self, pack: IO[bytes]) -> None:
        pack.seek(0)
        with PackData.from_file(pack, DEFAULT_OBJECT_FORMAT) as data:
            for item in UnpackedObjectIterator.for_pack_data(data):
                # The id is computed from the bytes: an object under a wrong name cannot be sent.
                content = b"".join(item.obj_chunks or [])
                self._objects[item.sha().hex()] = Object(KINDS[item.obj_type_num or 0], content)

    def _check_sent(self, oids: Sequence[str]) -> None:
        for oid in oids:
            if oid not in self._objects:
                raise Refused(f"the server did not send object {oid}", where=self._budget.where)

    def _check_format(self, name: str | None) -> None:
        if name not in (None, "sha1"):
            text = f"expected a repository of sha1 objects, found '{clean(name or '', 20)}'"
            raise Refused(text, where=self._budget.where)


class _NoHaves:
    """dulwich's question what is here already; the answer is nothing."""

    shallow = None

    def __next__(self) -> None:
        return None

    def ack(self, sha: bytes) -> None:
        """Nothing is offered, so nothing is acknowledged."""

    def nak(self) -> None:
        """Nothing is offered."""
