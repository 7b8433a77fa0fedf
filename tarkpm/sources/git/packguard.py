"""Check a pack while it arrives, before anything unpacks it.

dulwich has no limits of its own: it inflates what a header promises and applies deltas of any size. The
guard reads the pack as a stream, inflates every object once without keeping it, and stops at the first byte
that breaks a limit or the format (gitformat-pack(5)). A pack that passes contains exactly the objects and
sizes that were counted against the budget, no trailing data, and the right checksum.
"""

import hashlib
import zlib
from collections.abc import Generator
from typing import Final, NamedTuple, TypeVar

from tarkpm.errors import Garbled, Unreachable
from tarkpm.sources.git.error_translation import CLOSED
from tarkpm.sources.git.limits import TransferBudget, amount
from tarkpm.sources.git.objects import KINDS

HASH: Final = 20
OFS_DELTA: Final = 6
REF_DELTA: Final = 7
VARINT: Final = 6
"""Limit of a variable-length number, in bytes: up to 39 bits, more than any size limit. The header of an
object then has at most 26 bytes, and as 8 bytes of zlib and the checksum follow even the shortest header, 26
bytes can be awaited without parsing."""

_FIRST, _CHUNK = 512, 1 << 16
_DELTA_HEAD = 2 * VARINT + 8

_T = TypeVar("_T")
_Waits = Generator[None, None, _T]


class Packed(NamedTuple):
    """One entry of a pack: the offsets of the entry and of its compressed data, and its type.

    The ``base`` of a delta is the offset of another entry or the id of an object; a whole object has none.
    ``size`` is that of the object, or of the delta if that is larger, in bytes.
    """

    start: int
    data: int
    kind: int
    base: int | str | None
    size: int


class PackGuard:
    """Checks one pack. ``largest`` bounds every object, in bytes; ``entries`` lists the objects.

    `feed` raises `TooLarge` or `Garbled` as soon as a limit or the format is broken; `finish` raises
    `Unreachable` for a pack that ends too early.
    """

    def __init__(self, budget: TransferBudget, largest: int) -> None:
        self._budget = budget
        self._largest = largest
        self.entries: list[Packed] = []
        self._data, self._at, self._gone = b"", 0, 0
        self._hash, self._tail = hashlib.sha1(usedforsecurity=False), b""
        self._ended = self._scanned = False
        self._scan = self._pack()

    def feed(self, data: bytes) -> None:
        """Check the next bytes."""
        self._budget.packed(len(data))
        # The last 20 bytes may be the trailer, which the checksum does not cover.
        hashed = self._tail + data
        self._hash.update(hashed[:-HASH])
        self._tail = hashed[-HASH:]
        self._gone += self._at
        self._data, self._at = self._data[self._at :] + data, 0
        self._advance()

    def finish(self) -> None:
        """Check that the pack is complete and matches the checksum in its trailer."""
        self._ended = True
        self._advance()
        if self._hash.digest() != self._tail:
            raise self._garbled("the pack does not have its checksum")

    def _advance(self) -> None:
        next(self._scan, None)
        # After the last object only the checksum may follow (gitformat-pack(5)).
        if self._scanned and len(self._data) - self._at > HASH:
            raise self._garbled("the pack has data after its end")

    def _have(self, count: int) -> _Waits[None]:
        while len(self._data) - self._at < count:
            if self._ended:
                raise Unreachable(CLOSED, where=self._budget.where)
            yield

    def _take(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at]

    def _pack(self) -> _Waits[None]:
        yield from self._have(12)
        magic, version, count = self._take(4), self._take(4), int.from_bytes(self._take(4))
        # git accepts version 3, too, but has only ever written version 2 (gitformat-pack(5)).
        if magic != b"PACK" or int.from_bytes(version) != 2:
            raise self._garbled("expected a git pack, found something else")
        # The count is announced before any object: a limit is enforced before work is done for it.
        self._budget.objects(count)
        for _ in range(count):
            yield from self._object()
        yield from self._have(HASH)
        self._scanned = True

    def _object(self) -> _Waits[None]:
        yield from self._have(VARINT + HASH)
        entry = self._header()
        self._count(entry.size)
        head = yield from self._inflate(entry.size)
        if entry.base is not None:
            # A delta states the size of its result at its beginning; a few bytes can expand to gigabytes.
            result = self._result_size(head)
            self._count(result)
            entry = entry._replace(size=max(entry.size, result))
        self.entries.append(entry)

    def _header(self) -> Packed:
        start = self._gone + self._at
        byte = self._take(1)[0]
        kind, size = (byte >> 4) & 7, byte & 15
        if byte & 0x80:
            high, self._at = self._number(self._data, self._at)
            size |= high << 4
        base: int | str | None = None
        if kind == REF_DELTA:
            base = self._take(HASH).hex()
        elif kind == OFS_DELTA:
            base = start - self._distance()
        # Type 0 is invalid and type 5 is reserved (gitformat-pack(5)).
        elif kind not in KINDS:
            raise self._garbled(f"the pack contains an object of unknown type {kind}")
        return Packed(start, self._gone + self._at, kind, base, size)

    def _distance(self) -> int:
        """Read the distance to a delta's base: seven bits a byte, highest first, plus one per further byte.

        See gitformat-pack(5), "offset encoding".
        """
        value = -1
        for place, byte in enumerate(self._data[self._at : self._at + VARINT - 1]):
            value = ((value + 1) << 7) | (byte & 0x7F)
            if byte & 0x80:
                continue
            if value == 0:  # an object cannot be its own base
                break
            self._at += place + 1
            return value
        raise self._garbled("the pack contains a malformed number")

    def _number(self, data: bytes, at: int) -> tuple[int, int]:
        """Read the number at ``at``, seven bits a byte, lowest first; returns it and the offset after it.

        See gitformat-pack(5), "size encoding".
        """
        value = 0
        for place, byte in enumerate(data[at : at + VARINT - 1]):
            value |= (byte & 0x7F) << (7 * place)
            if not byte & 0x80:
                return value, at + place + 1
        raise self._garbled("the pack contains a malformed number")

    def _result_size(self, head: bytes) -> int:
        """Return the size of a delta's result: the second number in it, after the size of its base."""
        _, at = self._number(head, 0)
        return self._number(head, at)[0]

    def _count(self, size: int) -> None:
        if size > self._largest:
            raise self._budget.over(f"sent an object of {size} bytes, the limit is {amount(self._largest)}")
        self._budget.inflated(size)

    def _inflate(self, size: int) -> _Waits[bytes]:
        """Skip one zlib stream that must inflate to ``size`` bytes; returns its beginning."""
        stream, done, head, step = zlib.decompressobj(), 0, b"", _FIRST
        while not stream.eof:
            yield from self._have(1)
            # A short first step, because zlib copies everything after the end of the stream.
            data = self._take(min(step, len(self._data) - self._at))
            step = _CHUNK
            while data and not stream.eof:
                out = self._decompress(stream, data)
                done += len(out)
                if len(head) < _DELTA_HEAD:
                    head += out[:_DELTA_HEAD]
                # Checked after each step, so that a zlib bomb is stopped after 64 KiB.
                if done > size:
                    raise self._garbled("an object inflates to more than its size")
                data = stream.unconsumed_tail
        self._at -= len(stream.unused_data)
        if done != size:
            raise self._garbled("an object inflates to less than its size")
        return head

    def _decompress(self, stream: "zlib._Decompress", data: bytes) -> bytes:
        try:
            return stream.decompress(data, _CHUNK)
        except zlib.error:
            raise self._garbled("the objects are damaged") from None

    def _garbled(self, what: str) -> Garbled:
        return Garbled(what, where=self._budget.where)
