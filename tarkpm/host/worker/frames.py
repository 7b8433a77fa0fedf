"""The wire between the parent and a worker, version 1.

A frame is four bytes of big-endian length, one byte of kind, and a payload of that length: UTF-8 JSON, but
for BYTES, which is raw so that a module need not be encoded. Lengths are checked against the kind's limit
before anything of the payload is read.

::

    worker → parent   HELLO {version, wasmtime}
    parent → worker   LOAD {type, memory, stack, output}, then BYTES with the module
    worker → parent   LOADED {}                                   or FAIL
    parent → worker   CALL {function, args, seconds}
    worker → parent   HOST_CALL {interface, function, args}       any number of times, each answered by
    parent → worker   HOST_RESULT {value}
    worker → parent   RETURN {value}                              or FAIL {kind, message}

Strictly in turns: a side that has asked reads until it is answered. WIT values are JSON as the functions of
`wit` have them. The worker trusts the parent; the parent trusts nothing it reads here.
"""

import os
from collections.abc import Mapping
from struct import Struct
from typing import Final

VERSION: Final = 1

HELLO, LOADED, HOST_CALL, RETURN, FAIL = 1, 2, 3, 4, 5
LOAD, BYTES, CALL, HOST_RESULT = 16, 17, 18, 19

_HEADER: Final = Struct(">IB")
HEADER_SIZE: Final = _HEADER.size
ESCAPED: Final = 6
"""How much longer a string can get as JSON: a control character becomes ``\\u0000``."""

MAX_MODULE: Final = 256 << 20


def caps_from_worker(text: int) -> dict[int, int]:
    """The longest payload of each kind a worker may send, if ``text`` bytes of text are allowed in one."""
    longest = ESCAPED * text + (64 << 10)
    return {HELLO: 256, LOADED: 256, HOST_CALL: longest, RETURN: longest, FAIL: 16 << 10}


CAPS_FROM_PARENT: Final = {LOAD: 4 << 10, BYTES: MAX_MODULE, CALL: 64 << 20, HOST_RESULT: 128 << 20}


class FrameError(ValueError):
    """What arrived is not a frame, or is longer than its kind may be."""


def header(kind: int, length: int) -> bytes:
    """The bytes that go before a payload."""
    return _HEADER.pack(length, kind)


def parse_header(data: bytes | bytearray, caps: Mapping[int, int]) -> tuple[int, int]:
    """(kind, length) of the payload that follows; raises `FrameError` unless ``caps`` allows both."""
    length, kind = _HEADER.unpack(data)
    cap = caps.get(kind)
    if cap is None:
        raise FrameError(f"a frame of unknown kind {kind}")
    if length > cap:
        raise FrameError(f"a frame of kind {kind} with {length:,} bytes, the limit is {cap:,}")
    return kind, length


class Link:
    """The worker's end: blocking, over a bare descriptor, so that `socket` need not be imported."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, kind: int, payload: bytes) -> None:
        data = memoryview(header(kind, len(payload)) + payload)
        while data:
            data = data[os.write(self._fd, data) :]

    def receive(self) -> tuple[int, bytearray]:
        """The next frame; `EOFError` when the parent is gone."""
        kind, length = parse_header(self._exactly(HEADER_SIZE), CAPS_FROM_PARENT)
        return kind, self._exactly(length)

    def _exactly(self, length: int) -> bytearray:
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            count = os.readv(self._fd, [rest])
            if not count:
                raise EOFError
            rest = rest[count:]
        return data
