"""Check a pack while it arrives, before anything unpacks it.

dulwich has no limits of its own: it inflates what a header promises and applies deltas of any size. The
guard reads the pack as a stream, inflates every object once without keeping it, and stops at the first byte
that breaks a limit or the format (gitformat-pack(5)). A pack that passes has exactly the objects and sizes
that were counted against the budget, no data behind them, and the right checksum.
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
"""Bytes a number may take: 39 bits, more than any limit. An object's header is then 26 bytes at most, and
as 8 of zlib and the checksum follow even the shortest, as many can be waited for without parsing."""

_FIRST, _CHUNK = 512, 1 << 16
_DELTA_HEAD = 2 * VARINT + 8

_T = TypeVar("_T")
_Waits = Generator[None, None, _T]


class Packed(NamedTuple):
    """One entry of a pack: where it and its compressed bytes start, and its type.

    A delta's ``base`` is where another entry starts, or the id of an object; a whole object has none.
    ``size`` is that of the object, or of the delta if that is larger.
    """

    start: int
    data: int
    kind: int
    base: int | str | None
    size: int


class PackGuard:
    """Checks one pack. ``largest`` bounds every object in it, in bytes; ``entries`` lists what it holds.

    `feed` raises `TooLarge` or `Garbled` as soon as the bytes so far deserve it; `finish` raises
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
        """Check what came next."""
        self._budget.packed(len(data))
        hashed = self._tail + data
        self._hash.update(hashed[:-HASH])
        self._tail = hashed[-HASH:]
        self._gone += self._at
        self._data, self._at = self._data[self._at :] + data, 0
        self._advance()

    def finish(self) -> None:
        """Check that the pack is complete and has the checksum it ends with."""
        self._ended = True
        self._advance()
        if self._hash.digest() != self._tail:
            raise self._garbled("the pack does not have its checksum")

    def _advance(self) -> None:
        next(self._scan, None)
        if self._scanned and len(self._data) - self._at > HASH:
            raise self._garbled("the pack goes on behind its end")

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
        if magic != b"PACK" or int.from_bytes(version) != 2:
            raise self._garbled("expected a git pack, found something else")
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
        elif kind not in KINDS:
            raise self._garbled(f"the pack contains an object of unknown type {kind}")
        return Packed(start, self._gone + self._at, kind, base, size)

    def _distance(self) -> int:
        """How far back a delta's base is: seven bits a byte, highest first, each further byte adding one."""
        value = -1
        for place, byte in enumerate(self._data[self._at : self._at + VARINT - 1]):
            value = ((value + 1) << 7) | (byte & 0x7F)
            if byte & 0x80:
                continue
            if value == 0:  # an object is not its own base
                break
            self._at += place + 1
            return value
        raise self._garbled("the pack contains a malformed number")

    def _number(self, data: bytes, at: int) -> tuple[int, int]:
        """The number at ``at``, seven bits a byte, lowest first, and where it ends."""
        value = 0
        for place, byte in enumerate(data[at : at + VARINT - 1]):
            value |= (byte & 0x7F) << (7 * place)
            if not byte & 0x80:
                return value, at + place + 1
        raise self._garbled("the pack contains a malformed number")

    def _result_size(self, head: bytes) -> int:
        """The size a delta's result says it has: the second number in it, after its base's size."""
        _, at = self._number(head, 0)
        return self._number(head, at)[0]

    def _count(self, size: int) -> None:
        if size > self._largest:
            raise self._budget.over(f"sent an object of {size} bytes, the limit is {amount(self._largest)}")
        self._budget.inflated(size)

    def _inflate(self, size: int) -> _Waits[bytes]:
        """Go past one zlib stream that must hold ``size`` bytes; returns its beginning."""
        stream, done, head, step = zlib.decompressobj(), 0, b"", _FIRST
        while not stream.eof:
            yield from self._have(1)
            # A short first step: what is behind the stream's end is copied by zlib.
            data = self._take(min(step, len(self._data) - self._at))
            step = _CHUNK
            while data and not stream.eof:
                out = self._decompress(stream, data)
                done += len(out)
                if len(head) < _DELTA_HEAD:
                    head += out[:_DELTA_HEAD]
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
