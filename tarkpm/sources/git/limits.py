"""The limits of one session, and the budget that counts against them.

Every limit holds for a whole session with one remote, however many requests it takes. A single blocking
call is bounded by `TransferLimits.connect` and `TransferLimits.stall`; a timer that shuts the sockets down
ends a server that keeps sending a byte in time. Only name resolution is left to the system's own time limits.
"""

import contextlib
import socket
import threading
from typing import Final

import msgspec

from tarkpm.errors import TooLarge, Unreachable

MIB: Final = 1 << 20
IN_FLIGHT: Final = 128 * 1024
"""Bytes that may have been received and not yet been recognised as pack data: a buffer and a packet."""


class TransferLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds, sizes in bytes; `meta` is everything a server sends that is not pack data."""

    connect: float = 10
    stall: float = 30
    total: float = 300
    pack: int = 256 * MIB
    meta: int = 16 * MIB
    inflated: int = 1024 * MIB
    blob: int = 64 * MIB
    """Of a file that is wanted; a larger object is never unpacked."""
    tree: int = 4 * MIB
    """Of one folder; parsed, it takes some twelve times as much memory."""
    trees: int = 12 * MIB
    """Of all folders that are looked at."""
    files: int = 96 * MIB
    """Of all files that are read of one release."""
    objects: int = 100_000
    depth: int = 4095
    """Of deltas on each other: the most that git itself makes."""
    deltas: int = 400_000
    """Deltas applied, repeats included: an object dropped from the cache is rebuilt."""
    work: int = 3072 * MIB
    """Of all that is inflated and made by deltas once it has arrived."""
    redirects: int = 3
    tag_depth: int = 8
    tree_depth: int = 64


DEFAULT: Final = TransferLimits()


class TransferBudget:
    """What is left of the limits. The clock starts with the first connection, not with the session."""

    def __init__(self, limits: TransferLimits, where: str) -> None:
        self.limits = limits
        self.expired = False
        self.where = where
        self._timer: threading.Timer | None = None
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._received = self._packed = self._inflated = self._objects = 0
        self._worked = self._applied = 0

    def watched(self, sock: socket.socket) -> socket.socket:
        """``sock``, which is shut down when the time is over.

        A duplicate is kept: TLS takes the file descriptor away from the object a connection begins with.
        """
        with self._lock:
            self._sockets.append(sock.dup())
        if self._timer is None:
            self._timer = threading.Timer(self.limits.total, self._expire)
            self._timer.daemon = True
            self._timer.start()
        if self.expired:
            self._expire()
        return sock

    def received(self, count: int) -> None:
        """Count bytes of response bodies; raises `TooLarge`."""
        self._received += count
        if self._received - self._packed > self.limits.meta + IN_FLIGHT:
            raise self.over(f"sent more than {amount(self.limits.meta)} besides the requested objects")

    def packed(self, count: int) -> None:
        """Count bytes of pack data; raises `TooLarge`."""
        self._packed += count
        if self._packed > self.limits.pack:
            raise self.over(f"sent more than {amount(self.limits.pack)} of objects")

    def objects(self, count: int) -> None:
        """Count objects as a pack announces them; raises `TooLarge`."""
        self._objects += count
        if self._objects > self.limits.objects:
            raise self.over(f"announced {self._objects} objects, the limit is {self.limits.objects}")

    def inflated(self, count: int) -> None:
        """Count bytes an object takes once inflated, as announced; raises `TooLarge`."""
        self._inflated += count
        if self._inflated > self.limits.inflated:
            raise self.over(f"sent objects of more than {amount(self.limits.inflated)} once unpacked")

    def chained(self, depth: int) -> None:
        """Raise `TooLarge` for a delta that lies this deep on others."""
        if depth > self.limits.depth:
            raise self.over(f"sent a chain of more than {self.limits.depth} deltas")

    def worked(self, count: int, *, deltas: int = 0) -> None:
        """Count bytes that unpacking made, and the deltas it took; raises `TooLarge`."""
        self._worked += count
        self._applied += deltas
        if self._worked > self.limits.work:
            raise self.over(f"sent objects that take more than {amount(self.limits.work)} to unpack")
        if self._applied > self.limits.deltas:
            raise self.over(f"sent objects that take more than {self.limits.deltas} deltas to unpack")

    def check(self) -> None:
        """Raise `Unreachable` when the time is over: work on what has arrived must end, too."""
        if self.expired:
            raise Unreachable(
                f"the transfer took longer than {self.limits.total:g} seconds", where=self.where
            )

    def over(self, what: str) -> TooLarge:
        """The error for a limit: ``what`` follows "the server"."""
        return TooLarge(f"the server {what}", where=self.where)

    def close(self) -> None:
        """Stop the clock and forget the sockets; a budget cannot be used again."""
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
    """``count`` bytes as a person says it: ``256 MiB``, ``1000 bytes``."""
    return f"{count // MIB} MiB" if count >= MIB and count % MIB == 0 else f"{count} bytes"
