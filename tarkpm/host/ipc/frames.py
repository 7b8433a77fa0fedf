"""The wire between the parent and a worker, version 2.

A frame is four bytes of big-endian length, one byte of kind, four bytes of a tail's length, a payload of the
first length, and the tail. The payload is UTF-8 JSON, but for BYTES and COMPILED, which are raw so that a
module need not be encoded. Long texts, and those that begin with NUL, travel in the tail, one after another
as they are: the message's ``texts`` has their lengths in bytes, and where one belongs the payload says NUL
and its number, once. Both lengths are checked against the kind's limit before anything of either is read.

::

    worker → parent   HELLO {version}
    parent → worker   LOAD {type, abi, memory, stack, output, code, schemas}, then BYTES or a descriptor
    worker → parent   LOADED {landlock, seccomp}                  or FAIL
    parent → worker   CALL {function, args, seconds}
    worker → parent   HOST_CALL {interface, function, args}       any number of times, each answered by
    parent → worker   HOST_RESULT {value}                         unless `is_one_way` says it is not
    worker → parent   RETURN {value}                              or FAIL {kind, message}

    parent → worker   COMPILE {stack}, then BYTES with the module      instead of LOAD
    worker → parent   COMPILED                                    or FAIL
    parent → worker   INSPECT {stack, code, core}, then as LOAD        instead of LOAD
    worker → parent   INSPECTED {imports, exports, unfit}         or FAIL
    parent → worker   PROBE {}: confine yourself                       instead of LOAD
    worker → parent   LOADED {landlock, seccomp}

In turns: a side that has asked reads until it is answered. WIT values are JSON as the functions of
`wit` have them. The worker trusts the parent; the parent trusts nothing it reads here.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, Final

VERSION: Final = 2
HARMLESS: Final = frozenset({"arguments", "schema", "unready", "absent"})
"""Kinds of FAIL after which the guest is as it was; after any other its instance is gone."""

HELLO, LOADED, HOST_CALL, RETURN, FAIL, COMPILED, INSPECTED = 1, 2, 3, 4, 5, 6, 7
LOAD, BYTES, CALL, HOST_RESULT, COMPILE, PROBE, INSPECT = 16, 17, 18, 19, 20, 21, 22

_HEADER: Final = Struct(">IBI")
HEADER_SIZE: Final = _HEADER.size
ESCAPED: Final = 6
"""How much longer a string can get as JSON: a control character becomes ``\\u0000``."""
LONG: Final = 2 << 10
"""Texts from this length on travel as they are: encoding and decoding one as JSON takes far longer."""
HOISTED: Final = "\0"

MAX_MODULE: Final = 256 << 20
MAX_COMPILED: Final = 1 << 30


def caps_from_worker(text: int) -> dict[int, int]:
    """The longest frame of each kind a worker may send, if ``text`` bytes of text are allowed in one."""
    longest = ESCAPED * text + (64 << 10)
    return {HELLO: 256, LOADED: 256, HOST_CALL: longest, RETURN: longest, FAIL: 16 << 10}


CAPS_FROM_COMPILER: Final = {
    HELLO: 256,
    LOADED: 256,
    FAIL: 16 << 10,
    COMPILED: MAX_COMPILED,
    INSPECTED: 8 << 20,
}
"""The same of a worker that compiles or inspects: it runs no code of a plugin's, and its answer is big."""

CAPS_FROM_PARENT: Final = {
    LOAD: 4 << 10,
    BYTES: MAX_COMPILED,
    CALL: 64 << 20,
    HOST_RESULT: 128 << 20,
    COMPILE: 256,
    PROBE: 256,
    INSPECT: 256,
}


def is_one_way(interface: str) -> bool:
    """Whether a host call of this interface is not answered, because it has no result to wait for."""
    return interface == "log"


class FrameError(ValueError):
    """What arrived is not a frame, or is longer than its kind may be."""


def header(kind: int, length: int, tail: int = 0) -> bytes:
    """The bytes that go before a payload and its tail."""
    return _HEADER.pack(length, kind, tail)


def parse_header(data: bytes | bytearray, caps: Mapping[int, int]) -> tuple[int, int, int]:
    """(kind, length, length of the tail) of what follows; raises `FrameError` unless ``caps`` allows it."""
    length, kind, tail = _HEADER.unpack(data)
    cap = caps.get(kind)
    if cap is None:
        raise FrameError(f"a frame of unknown kind {kind}")
    if length + tail > cap:
        raise FrameError(f"a frame of kind {kind} with {length + tail:,} bytes, the limit is {cap:,}")
    return kind, length, tail


class Texts:
    """The texts of one message that travel in its tail."""

    def __init__(self, lengths: Sequence[int] = (), tail: bytes | bytearray = b"") -> None:
        """Those that arrived; raises `FrameError` unless ``tail`` is exactly as long as they are."""
        self._parts: list[bytes] = []
        self._found: dict[str, str] = {}
        if sum(lengths) != len(tail) or min(lengths, default=0) < 0:
            raise FrameError("a tail whose length does not match its texts")
        at = 0
        for number, length in enumerate(lengths):
            self._found[f"{HOISTED}{number}"] = str(memoryview(tail)[at : at + length], "utf-8")
            at += length

    def __bool__(self) -> bool:
        return bool(self._parts or self._found)

    @property
    def lengths(self) -> list[int]:
        """Of those that are to be sent."""
        return list(map(len, self._parts))

    @property
    def tail(self) -> bytes:
        """Those that are to be sent."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def hoist(self, encoded: bytes) -> str:
        """Send this text in the tail; what stands for it."""
        self._parts.append(encoded)
        return f"{HOISTED}{len(self._parts) - 1}"

    def hoisted(self, value: Any) -> Any:
        """JSON to be sent, its long texts in the tail."""
        if type(value) is str:
            is_long = len(value) >= LONG or value.startswith(HOISTED)
            return self.hoist(value.encode()) if is_long else value
        if isinstance(value, list | tuple):
            return [self.hoisted(item) for item in value]
        if type(value) is dict:
            return {key: self.hoisted(item) for key, item in value.items()}
        return value

    def lowered(self, value: Any) -> Any:
        """JSON that arrived, its long texts where they belong. `FrameError` for one that is not there.

        Each is there once: a worker must not make much out of little.
        """
        if type(value) is str:
            if not value.startswith(HOISTED):
                return value
            if value not in self._found:
                raise FrameError("a reference to a text that is not in its tail")
            return self._found.pop(value)
        if type(value) is list:
            return [self.lowered(item) for item in value]
        if type(value) is dict:
            return {key: self.lowered(item) for key, item in value.items()}
        return value


class Link:
    """The worker's end: blocking, over a bare descriptor, so that `socket` need not be imported."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, kind: int, payload: bytes | bytearray, tail: bytes = b"") -> None:
        parts = [header(kind, len(payload), len(tail)), payload, tail]
        count = os.writev(self._fd, parts)  # mostly all; nothing long is copied
        for part in parts:
            rest = memoryview(part)[count:]
            count = max(0, count - len(part))
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def receive(self) -> tuple[int, bytearray, bytearray]:
        """The next frame as (kind, payload, tail); `EOFError` when the parent is gone."""
        kind, length, tail = parse_header(self._exactly(HEADER_SIZE), CAPS_FROM_PARENT)
        payload, texts = bytearray(length), bytearray(tail)
        done = os.readv(self._fd, [payload, texts]) if tail else 0
        self._fill(memoryview(payload)[done:])
        self._fill(memoryview(texts)[max(0, done - length) :])
        return kind, payload, texts

    def receive_descriptor(self) -> int:
        """The descriptor that comes with the next byte; `EOFError` if none does."""
        import _socket  # 1 µs, where `socket` takes 2 ms

        # not closed: the descriptor stays this link's
        connection = _socket.socket(fileno=self._fd)
        try:
            data, extra, _, _ = connection.recvmsg(1, _socket.CMSG_SPACE(4))
        finally:
            connection.detach()
        if not data or not extra:
            raise EOFError
        return int.from_bytes(extra[0][2][:4], sys.byteorder)

    def _exactly(self, length: int) -> bytearray:
        data = bytearray(length)
        self._fill(memoryview(data))
        return data

    def _fill(self, rest: memoryview) -> None:
        while rest:
            count = os.readv(self._fd, [rest])
            if not count:
                raise EOFError
            rest = rest[count:]
