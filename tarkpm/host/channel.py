"""The parent's end of a worker's socket: frames in and out, each before a deadline.

Nothing that arrives is trusted. A length is held against the limit of its kind before the payload is read,
and a worker that sends a byte at a time runs into the same deadline as one that sends nothing.
"""

import socket
import time
from collections.abc import Mapping

from tarkpm.host.worker.frames import HEADER_SIZE, header, parse_header


class Channel:
    """Frames over a connected socket. ``caps`` is the longest payload of each kind that may arrive."""

    def __init__(self, connection: socket.socket, caps: Mapping[int, int]) -> None:
        self._socket = connection
        self._caps = caps

    def send(self, kind: int, payload: bytes, deadline: float) -> None:
        """Raises `TimeoutError` at the deadline, `EOFError` when the worker is gone."""
        try:
            self._socket.settimeout(_left(deadline))
            if len(payload) < 1 << 16:
                self._socket.sendall(header(kind, len(payload)) + payload)
            else:  # do not copy a module
                self._socket.sendall(header(kind, len(payload)))
                self._socket.sendall(payload)
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError from None

    def receive(self, deadline: float) -> tuple[int, bytearray]:
        """The next frame as (kind, payload); also raises `FrameError` for what is none."""
        kind, length = parse_header(self._exactly(HEADER_SIZE, deadline), self._caps)
        return kind, self._exactly(length, deadline)

    def _exactly(self, length: int, deadline: float) -> bytearray:
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(_left(deadline))
            try:
                count = self._socket.recv_into(rest)
            except ConnectionResetError:
                raise EOFError from None
            if not count:
                raise EOFError
            rest = rest[count:]
        return data


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
