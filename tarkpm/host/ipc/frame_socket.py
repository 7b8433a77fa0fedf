"""The parent's end of a worker's socket: frames in and out, each before a deadline.

Nothing that arrives is trusted. A length is checked against the limit of its kind before the payload is read,
and a worker that sends one byte at a time meets the same deadline as one that sends nothing.
"""

import math
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from tarkpm.host.ipc.frames import HEADER_SIZE, header, parse_header

_T = TypeVar("_T")
_Buffer = bytes | bytearray | memoryview

AHEAD = 4 << 10
"""Bytes of the first read of a frame. Most frames are shorter, so one system call reads them whole."""


class FrameSocket:
    """Frames over a connected socket. ``caps`` holds the longest frame of each kind that may arrive."""

    def __init__(self, connection: socket.socket, caps: Mapping[int, int]) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._caps = caps
        self._ahead = bytearray()
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(connection, select.POLLIN)
        self._writable.register(connection, select.POLLOUT)

    def send(self, kind: int, payload: bytes, deadline: float, tail: bytes = b"") -> None:
        """Send a frame. Raises `TimeoutError` at the deadline and `EOFError` when the worker is gone."""
        rest: list[_Buffer] = [header(kind, len(payload), len(tail)), payload, tail]
        while rest:  # usually once; sendmsg takes all parts without copying them into one
            rest = _beyond(rest, self._done(partial(self._socket.sendmsg, rest), self._writable, deadline))

    def send_descriptor(self, descriptor: int, deadline: float) -> None:
        """Send a descriptor with one byte (SCM_RIGHTS). The worker gets its own copy."""
        self._done(lambda: socket.send_fds(self._socket, [b"\0"], [descriptor]), self._writable, deadline)

    def receive(self, deadline: float) -> tuple[int, bytearray, bytearray]:
        """Return the next frame as (kind, payload, tail). Raises as `send`, and `FrameError`."""
        ahead = self._ahead
        while len(ahead) < HEADER_SIZE:
            ahead += self._some(deadline)
        kind, length, tail = parse_header(ahead[:HEADER_SIZE], self._caps)
        payload, texts = bytearray(length), bytearray(tail)
        here = ahead[HEADER_SIZE : HEADER_SIZE + length + tail]
        del ahead[: HEADER_SIZE + len(here)]
        payload[: len(here)] = here[:length]
        texts[: max(0, len(here) - length)] = here[length:]
        rest = _beyond([payload, texts], len(here))
        while rest:
            rest = _beyond(rest, self._into(rest, deadline))
        return kind, payload, texts

    def _some(self, deadline: float) -> bytes:
        """Return the available beginning of a frame."""
        _wait(self._readable, deadline)  # a read now would only fail: the worker was asked just before
        data = self._done(lambda: self._socket.recv(AHEAD), self._readable, deadline)
        if not data:
            raise EOFError
        return data

    def _into(self, buffers: list[_Buffer], deadline: float) -> int:
        count = self._done(lambda: self._socket.recvmsg_into(buffers)[0], self._readable, deadline)
        if not count:
            raise EOFError
        return count

    def _done(self, action: Callable[[], _T], ready: select.poll, deadline: float) -> _T:
        """Return the result of ``action``, which may have to wait for the socket."""
        while True:
            if time.monotonic() >= deadline:
                raise TimeoutError
            try:
                return action()
            except BlockingIOError:
                _wait(ready, deadline)
            except (BrokenPipeError, ConnectionResetError):
                raise EOFError from None


def _wait(ready: select.poll, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not ready.poll(math.ceil(left * 1000)):
        raise TimeoutError


def _beyond(parts: Sequence[_Buffer], count: int) -> list[_Buffer]:
    """Return the rest of ``parts`` after ``count`` bytes."""
    left: list[_Buffer] = []
    for part in parts:
        if count >= len(part):
            count -= len(part)
        else:
            left.append(memoryview(part)[count:] if count else part)
            count = 0
    return left
