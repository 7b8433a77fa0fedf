"""The objects of one pack, kept in a file and unpacked one at a time (gitformat-pack(5)).

The pack guard bounds the total size, but the total may still be too large for memory. At most three objects
are in memory at once (a base, a delta and their result), and a cache of recent ones. Deltas are applied right
after their base, so that their order in the pack does not change the cost; the budget counts the depth of
chains, the deltas that are applied and the bytes they produce. An object over the size limit of a file is
listed but never unpacked: a commit that is fetched whole may contain such objects beside the requested files.
"""

import hashlib
import io
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Final

from dulwich.pack import apply_delta

from tarkpm.errors import Garbled, TooLarge
from tarkpm.sources.git.limits import MIB, TransferBudget, amount
from tarkpm.sources.git.objects import KINDS, Object, object_id
from tarkpm.sources.git.packguard import Packed

CACHE: Final = 24 * MIB
"""Bytes of unpacked objects that are kept while indexing, for the deltas based on them."""

KEPT: Final = MIB
"""Bytes that are kept after indexing: small files are read next, and many packs may be open at once."""

_CHUNK = 1 << 16


class PackFile:
    """A pack whose every entry a `PackGuard` has checked.

    ``entries`` are those the guard recorded. Raises `Garbled` for deltas without a base, and `TooLarge`.
    """

    def __init__(self, stream: IO[bytes], entries: Sequence[Packed], budget: TransferBudget) -> None:
        self._stream = stream
        self._entries = entries
        self._budget = budget
        self._by_offset = {entry.start: number for number, entry in enumerate(entries)}
        self._by_id: dict[str, int] = {}
        self._dropped: set[int] = set()
        self._cache: OrderedDict[int, Object] = OrderedDict()
        self._cached = 0
        self._index()
        self._shrink(KEPT)

    def find(self, oid: str) -> Object | None:
        """Return the object with this id; None if the pack does not contain it.

        The id was computed from the contents: no server can send an object under another id. Raises
        `TooLarge`.
        """
        number = self._by_id.get(oid)
        if number is None:
            return None
        if self._is_large(number):
            limit = amount(self._budget.limits.blob)
            text = f"the file has {self._entries[number].size} bytes, the limit is {limit}"
            raise TooLarge(text, where=self._budget.where)
        return self._unpack(number)

    def __contains__(self, oid: str) -> bool:
        return oid in self._by_id

    def close(self) -> None:
        """Delete the pack."""
        self._stream.close()

    def _index(self) -> None:
        """Compute the id of every object, right after its base. A delta may precede its base in the pack."""
        waiting: dict[int | str, list[int]] = {}
        ready = []
        # In reverse, so that `pop` takes the objects in the order of the file.
        for number in range(len(self._entries) - 1, -1, -1):
            base = self._entries[number].base
            if base is None:
                # Whole objects are the roots: every chain of deltas is walked from its base upwards.
                ready.append((number, 0))
            else:
                waiting.setdefault(
                    self._by_offset.get(base, -1) if isinstance(base, int) else base, []
                ).append(number)
        while ready:
            number, depth = ready.pop()
            self._budget.chained(depth)
            oid = self._identify(number)
            based = waiting.pop(number, []) + (waiting.pop(oid, []) if oid else [])
            ready += [(each, depth + 1) for each in based]
        self._check_rooted(waiting)

    def _check_rooted(self, waiting: Mapping[int | str, list[int]]) -> None:
        """Raise `Garbled` for deltas without a base, unless an object over the limit may be that base."""
        if -1 in waiting:
            raise self._garbled("an object is based on another that was not sent")
        if waiting and not self._dropped:
            count = sum(map(len, waiting.values()))
            raise self._garbled(f"{count} objects are based on others that were not sent")

    def _identify(self, number: int) -> str | None:
        """Assign an object its id after its base has one; None if it depends on an object over the limit."""
        self._budget.check()
        if self._entries[number].base is not None and self._base(number) in self._dropped:
            self._dropped.add(number)
        if self._is_large(number):
            return self._note_large(number)
        found = self._unpack(number)
        oid = object_id(found.kind, found.data)
        # The first object with an id keeps it: a delta may reproduce its base, and must not become it.
        self._by_id.setdefault(oid, number)
        self._remember(number, found)
        return oid

    def _is_large(self, number: int) -> bool:
        # A delta on an object over the limit cannot be applied, however small it is.
        return number in self._dropped or self._entries[number].size > self._budget.limits.blob

    def _note_large(self, number: int) -> str | None:
        """Mark an object as over the limit. The id of a whole object is computed in chunks."""
        entry = self._entries[number]
        self._dropped.add(number)
        if entry.base is not None:
            return None
        digest = hashlib.sha1(b"%s %d\0" % (KINDS[entry.kind].encode(), entry.size), usedforsecurity=False)
        for chunk in self._chunks(number):
            digest.update(chunk)
        self._by_id.setdefault(digest.hexdigest(), number)
        return digest.hexdigest()

    def _unpack(self, number: int) -> Object:
        """Walk down to an object that is whole or cached, and apply the deltas from there."""
        chain: list[int] = []
        while number not in self._cache and self._entries[number].base is not None:
            chain.append(number)
            number = self._base(number)
        found = self._cache.get(number) or self._whole(number)
        while chain:
            self._budget.check()
            found = Object(found.kind, self._applied(found.data, chain.pop()))
        return found

    def _base(self, number: int) -> int:
        base = self._entries[number].base
        found = self._by_id.get(base) if isinstance(base, str) else self._by_offset.get(base or 0)
        if found is None:
            raise self._garbled("an object is based on another that was not sent")
        return found

    def _applied(self, base: bytes, number: int) -> bytes:
        delta = self._inflated(number)
        self._budget.worked(self._entries[number].size, deltas=1)
        chunks = apply_delta(base, delta)
        # Freed before the result is joined: three large objects at once are the bound, not four.
        del base, delta
        return b"".join(chunks)

    def _whole(self, number: int) -> Object:
        return Object(KINDS[self._entries[number].kind], self._inflated(number))

    def _inflated(self, number: int) -> bytes:
        out = io.BytesIO()
        for chunk in self._chunks(number):
            out.write(chunk)
        return out.getvalue()

    def _chunks(self, number: int) -> Iterator[bytes]:
        """Yield the contents of one entry in chunks. The guard has inflated it once, so it is well-formed."""
        self._budget.worked(self._entries[number].size)
        stream = zlib.decompressobj()
        self._stream.seek(self._entries[number].data)
        while not stream.eof and (chunk := self._stream.read(_CHUNK)):
            while chunk and not stream.eof:
                yield stream.decompress(chunk, _CHUNK)
                chunk = stream.unconsumed_tail

    def _remember(self, number: int, found: Object) -> None:
        self._cache[number] = found
        self._cached += len(found.data)
        self._shrink(CACHE, least=1)  # the next delta is based on the object made last

    def _shrink(self, size: int, *, least: int = 0) -> None:
        while self._cached > size and len(self._cache) > least:
            _, old = self._cache.popitem(last=False)
            self._cached -= len(old.data)

    def _garbled(self, what: str) -> Garbled:
        return Garbled(what, where=self._budget.where)
