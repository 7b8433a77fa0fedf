"""A cursor over a WebAssembly binary. Every read is bounded by its container.

Format: the core specification, 5.2 (integers, names) and 5.5.2 (sections).
"""

from typing import Final

MAX_NAME: Final = 1_024
MAX_OPTIONS: Final = 10_000


class Malformed(Exception):
    """The binary is malformed; the message completes a sentence about it."""


class Reader:
    """A cursor over ``data[at:end]`` that never reads past the end."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes | memoryview, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def byte(self) -> int:
        at = self.at
        if at >= self.end:
            raise Malformed(f"the module ends unexpectedly at byte {at:,}")
        self.at = at + 1
        return self.data[at]

    def u32(self, bits: int = 32) -> int:
        """Read a LEB128 integer of at most ``bits`` bits (core specification, 5.2.2)."""
        start, value = self.at, 0
        # Nearly all integers have one byte, and a module has thousands: they need no loop.
        if start < self.end and (byte := self.data[start]) < 0x80 and bits >= 7:
            self.at = start + 1
            return byte
        for shift in range(0, bits, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        else:
            raise Malformed(f"the module has an unterminated integer at byte {start:,}")
        if value >> bits:
            raise Malformed(f"the module has an integer of more than {bits} bits at byte {start:,}")
        return value

    def count(self) -> int:
        """Read the number of the items that follow. Each has a byte at least, so the container limits it."""
        start, count = self.at, self.u32()
        if count > self.end - self.at:
            raise Malformed(f"the module has more items than bytes at byte {start:,}")
        return count

    def span(self, what: str) -> "Reader":
        """Read a length and return a reader of the bytes it covers; this reader skips them."""
        start = self._skip(what)
        return Reader(self.data, start, self.at)

    def name(self) -> str:
        start = self._skip("name")
        if self.at - start > MAX_NAME:
            raise Malformed(f"the module has a name of more than {MAX_NAME:,} bytes at byte {start:,}")
        try:
            return str(self.data[start : self.at], "utf-8")
        except UnicodeDecodeError:
            raise Malformed(f"the module has a name that is not UTF-8 at byte {start:,}") from None

    def _skip(self, what: str) -> int:
        """Read a length and skip the bytes it covers; returns where they begin."""
        at, length = self.at, self.u32()
        start = self.at
        if start + length > self.end:
            raise Malformed(f"the module has a {what} at byte {at:,} that runs past its end")
        self.at = start + length
        return start


def extern_name(body: Reader) -> str:
    """Read the name of a component's import or export (component model, `Binary.md`: externname)."""
    kind = body.byte()
    if kind > 2:
        raise Malformed(f"the module has a name of unknown kind {kind} at byte {body.at - 1:,}")
    name = body.name()
    if kind == 2:  # options: implements, version suffix, external id
        for _ in range(min(body.u32(), MAX_OPTIONS)):
            body.byte()
            body.name()
    return name
