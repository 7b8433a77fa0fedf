"""The limits of one session, and the budget that counts against them.

Every limit holds for a whole session with one remote, however many requests it takes. A single blocking
call is bounded by `TransferLimits.connect` and `TransferLimits.stall`. A server that sends a byte now and
then is bounded by a timer that shuts the sockets down. Only name resolution has the system's own time limit.
"""

import contextlib
import socket
import threading
from typing import Final

import msgspec

from tarkpm.errors import TooLarge, Unreachable

MIB: Final = 1 << 20
IN_FLIGHT: Final = 128 * 1024
"""Bytes that may be received but not yet counted as pack data: a read buffer and one pkt-line of 64 KiB."""


class TransferLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds, sizes in bytes. `meta` is everything a server sends besides pack data."""

    connect: float = 10
    stall: float = 30
    total: float = 300
    pack: int = 256 * MIB
    meta: int = 16 * MIB
    inflated: int = 1024 * MIB
    blob: int = 64 * MIB
    """Limit of a requested file; larger objects are never unpacked."""
    tree: int = 4 * MIB
    """Limit of one tree object; parsed, it takes about twelve times as much memory."""
    trees: int = 12 * MIB
    """Limit of all tree objects that are parsed."""
    files: int = 96 * MIB
    """Limit of all files that are read for one release."""
    objects: int = 100_000
    depth: int = 4095
    """Limit of a chain of deltas: git itself does not write longer ones (git-pack-objects(1), --depth)."""
    deltas: int = 400_000
    """Limit of applied deltas, with repetitions: an object dropped from the cache is rebuilt."""
    work: int = 3072 * MIB
    """Limit of bytes produced by inflating and by deltas after the pack has arrived."""
    redirects: int = 3
    tag_depth: int = 8
    tree_depth: int = 64


DEFAULT: Final = TransferLimits()


class TransferBudget:
    """The remaining part of the limits. The clock starts with the first connection, not with the session."""

    def __init__(self, limits: TransferLimits, where: str, proxy: str = "") -> None:
        self.limits, self.proxy = limits, proxy
        self.expired = False
        self.where = where
        self._timer: threading.Timer | None = None
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._received = self._packed = self._inflated = self._objects = 0
        self._worked = self._applied = 0

    def watched(self, sock: socket.socket) -> socket.socket:
        """Return ``sock``, which is shut down when the time is over.

        A duplicate is kept, because TLS detaches the file descriptor from the original socket object.
        """
        with self._lock:
            self._sockets.append(sock.dup())
        if self._timer is None:
            self._timer = threading.Timer(self.limits.total, self._expire)
            self._timer.daemon = True
            self._timer.start()
        # The timer may have fired while this connection was being made.
        if self.expired:
            self._expire()
        return sock

    def received(self, count: int) -> None:
        """Count bytes of response bodies. Raises `TooLarge`."""
        self._received += count
        if self._received - self._packed > self.limits.meta + IN_FLIGHT:
            raise self.over(f"sent more than {amount(self.limits.meta)} besides the requested objects")

    def packed(self, count: int) -> None:
        """Count bytes of pack data. Raises `TooLarge`."""
        self._packed += count
        if self._packed > self.limits.pack:
            raise self.over(f"sent more than {amount(self.limits.pack)} of objects")

    def objects(self, count: int) -> None:
        """Count objects announced by the header of a pack. Raises `TooLarge`."""
        self._objects += count
        if self._objects > self.limits.objects:
            raise self.over(f"announced {self._objects} objects, the limit is {self.limits.objects}")

    def inflated(self, count: int) -> None:
        """Count the announced size of an object, in bytes, before it is inflated. Raises `TooLarge`."""
        self._inflated += count
        if self._inflated > self.limits.inflated:
            raise self.over(f"sent objects of more than {amount(self.limits.inflated)} once unpacked")

    def chained(self, depth: int) -> None:
        """Raise `TooLarge` for a delta at this depth of a chain."""
        if depth > self.limits.depth:
            raise self.over(f"sent a chain of more than {self.limits.depth} deltas")

    def worked(self, count: int, *, deltas: int = 0) -> None:
        """Count bytes and deltas that unpacking took. Raises `TooLarge`."""
        self._worked += count
        self._applied += deltas
        if self._worked > self.limits.work:
            raise self.over(f"sent objects that take more than {amount(self.limits.work)} to unpack")
        if self._applied > self.limits.deltas:
            raise self.over(f"sent objects that take more than {self.limits.deltas} deltas to unpack")

    def check(self) -> None:
        """Raise `Unreachable` if the time is over. Work on data that has arrived must end, too."""
        if self.expired:
            raise Unreachable(
                f"the transfer took longer than {self.limits.total:g} seconds", where=self.where
            )

    def over(self, what: str) -> TooLarge:
        """Return the error for an exceeded limit; ``what`` completes "the server …"."""
        return TooLarge(f"the server {what}", where=self.where)

    def close(self) -> None:
        """Stop the clock and close the duplicated sockets. A closed budget cannot be used again."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()

    def _expire(self) -> None:
        self.expired = True
        with self._lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


def amount(count: int) -> str:
    """Format a number of bytes: ``256 MiB``, ``1000 bytes``."""
    return f"{count // MIB} MiB" if count >= MIB and count % MIB == 0 else f"{count} bytes"
