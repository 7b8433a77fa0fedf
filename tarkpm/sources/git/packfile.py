"""The objects of one pack, kept in a file and unpacked one at a time.

The pack guard bounds the total size, but the total may still be too large for memory. At most three objects
are in memory at once (a base, a delta and their result), and a cache of recent ones. An object over the size
limit of a file is listed but never unpacked: a commit that is fetched whole may contain such objects beside
the requested files.
"""

import hashlib
import io
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import IO, Final

from dulwich.pack import apply_delta

from tarkpm.errors import Garbled, TooLarge
from tarkpm.sources.git.limits import MIB, TransferBudget, amount
from tarkpm.sources.git.objects import KINDS, Object, object_id
from tarkpm.sources.git.packguard import Packed

CACHE: Final = 24 * MIB
"""Bytes of unpacked objects that are kept for the deltas that may follow them."""

KEPT: Final = MIB
"""Bytes of those that are kept on: small files are about to be read, and many packs may be open at once."""

_CHUNK = 1 << 16


class PackFile:
    """A pack whose every entry a `PackGuard` has checked. Raises `Garbled` for deltas that lead nowhere."""

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
        """The object with this id. The id was computed from its bytes: none can be sent under a wrong one.

        Raises `TooLarge`.
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
        """Forget the pack."""
        self._stream.close()

    def _index(self) -> None:
        """Compute every object's id; a delta may name a base that comes after it."""
        waiting = list(range(len(self._entries)))
        while waiting:
            later = [number for number in waiting if not self._identify(number)]
            if len(later) == len(waiting):
                if self._dropped:
                    return  # what they are based on is over the limit
                raise self._garbled(f"{len(later)} objects are based on others that were not sent")
            waiting = later

    def _identify(self, number: int) -> bool:
        self._budget.check()
        if not self._is_rooted(number):
            return False
        if self._is_large(number):
            self._note_large(number)
            return True
        found = self._unpack(number)
        # the first with an id keeps it: a delta may make its own base again, and must not become its base
        self._by_id.setdefault(object_id(found.kind, found.data), number)
        self._remember(number, found)
        return True

    def _is_large(self, number: int) -> bool:
        return number in self._dropped or self._entries[number].size > self._budget.limits.blob

    def _note_large(self, number: int) -> None:
        """Remember that this object is out of reach; a whole one's id can be found without unpacking it."""
        entry = self._entries[number]
        self._dropped.add(number)
        if entry.base is None:
            digest = hashlib.sha1(
                b"%s %d\0" % (KINDS[entry.kind].encode(), entry.size), usedforsecurity=False
            )
            for chunk in self._chunks(number):
                digest.update(chunk)
            self._by_id.setdefault(digest.hexdigest(), number)

    def _is_rooted(self, number: int) -> bool:
        """Whether an object is whole, or what it is based on is known; a dropped base drops it, too."""
        base = self._entries[number].base
        if base is None or (isinstance(base, str) and base not in self._by_id):
            return base is None
        if self._base(number) in self._dropped:
            self._dropped.add(number)
        return True

    def _unpack(self, number: int) -> Object:
        """Walk back to an object that is whole, or in the cache, and apply the deltas from there."""
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
        chunks = apply_delta(base, delta)
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
        """The bytes of one entry, which the guard has inflated before."""
        stream = zlib.decompressobj()
        self._stream.seek(self._entries[number].data)
        while not stream.eof and (chunk := self._stream.read(_CHUNK)):
            while chunk and not stream.eof:
                yield stream.decompress(chunk, _CHUNK)
                chunk = stream.unconsumed_tail

    def _remember(self, number: int, found: Object) -> None:
        self._cache[number] = found
        self._cached += len(found.data)
        self._shrink(CACHE)

    def _shrink(self, size: int) -> None:
        while self._cached > size:
            _, old = self._cache.popitem(last=False)
            self._cached -= len(old.data)

    def _garbled(self, what: str) -> Garbled:
        return Garbled(what, where=self._budget.where)
