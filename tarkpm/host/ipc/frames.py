"""The wire format between the parent and a worker, version 2.

A frame is four bytes of big-endian length, one byte of kind, four bytes of a tail's length, a payload of the
first length, and the tail. The payload is UTF-8 JSON, except for BYTES and COMPILED, which are raw so that a
module need not be encoded. Long texts, and those that begin with NUL, are sent in the tail, concatenated and
unencoded: the message's ``texts`` holds their lengths in bytes, and each one's place in the payload holds
NUL and its number, once. Both lengths are checked against the kind's limit before either part is read.

::

    worker → parent   HELLO {version}
    parent → worker   LOAD {type, abi, memory, stack, output, code, parts, schemas}, then BYTES or a
                      descriptor, and as many again as there are parts
    worker → parent   LOADED {landlock, seccomp}                  or FAIL
    parent → worker   CALL {function, args, seconds}
    worker → parent   HOST_CALL {interface, function, args}       any number of times, each answered by
    parent → worker   HOST_RESULT {value}                         unless `is_one_way` says it is not
    worker → parent   PRINTED {stream, text, dropped}             before any of the other three of a call
    worker → parent   RETURN {value}                              or FAIL {kind, message}

    parent → worker   COMPILE {stack}, then BYTES with the module      instead of LOAD
    worker → parent   COMPILED                                    or FAIL
    parent → worker   INSPECT {stack, code, parts, core}, then as LOAD instead of LOAD
    worker → parent   INSPECTED {imports, exports, unfit}         or FAIL
    parent → worker   PROBE {}: confine yourself                       instead of LOAD
    worker → parent   LOADED {landlock, seccomp}

The sides take turns: the one that asked reads until it has the answer. WIT values are in the JSON forms of
`worker.wit`. The worker trusts the parent; the parent trusts nothing it reads here.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

VERSION: Final = 3
HARMLESS: Final = frozenset({"arguments", "schema", "unready", "absent"})
"""Kinds of FAIL that leave the guest's instance intact. After any other one the store is dead."""

HELLO, LOADED, HOST_CALL, RETURN, FAIL, COMPILED, INSPECTED, PRINTED = 1, 2, 3, 4, 5, 6, 7, 8
LOAD, BYTES, CALL, HOST_RESULT, COMPILE, PROBE, INSPECT = 16, 17, 18, 19, 20, 21, 22

_HEADER: Final = Struct(">IBI")
HEADER_SIZE: Final = _HEADER.size
ESCAPED: Final = 6
"""Factor by which a text can grow as JSON: a control character becomes ``\\u0000``."""
LONG: Final = 2 << 10
"""Texts of at least this length are sent unencoded: encoding and decoding them as JSON is far slower."""
HOISTED: Final = "\0"

MAX_MODULE: Final = 256 << 20
MAX_COMPILED: Final = 1 << 30


MAX_PAYLOAD: Final = 1 << 20
"""Of a host call, and of an answer whose type has a fixed number of texts: the long ones are in the tail."""
MAX_VALUES: Final = 100_000
"""JSON values of one message. Each takes some hundred bytes once decoded, however short its JSON is."""
MAX_PRINTED: Final = 256 << 10
"""Bytes of text in the PRINTED of one call, each of which counts as `PART` bytes more."""
PART: Final = 64
LISTS: Final = frozenset({"get-tools", "models", "channel-poll", "channel-event", "channel-webhook"})
"""Functions whose answer is a list of texts, which may all be short and together as long as is allowed."""


class Cap(NamedTuple):
    """The cap of a frame: bytes of payload and of tail, and JSON values (0: it is not JSON)."""

    payload: int
    tail: int = 0
    values: int = MAX_VALUES


def answer_cap(function: str, text: int) -> Cap:
    """Return the cap of the RETURN of ``function``, which may have ``text`` bytes of text."""
    return Cap(ESCAPED * text + (64 << 10) if function in LISTS else MAX_PAYLOAD, text)


def caps_from_worker(text: int) -> dict[int, Cap]:
    """Return the cap of each kind of frame from a worker, if ``text`` bytes of text are allowed in one."""
    small = Cap(256)
    return {
        HELLO: small,
        LOADED: small,
        HOST_CALL: Cap(MAX_PAYLOAD, text),
        RETURN: answer_cap("", text),
        FAIL: Cap(16 << 10),
        PRINTED: Cap(ESCAPED * MAX_PRINTED + 256),
    }


CAPS_FROM_COMPILER: Final = {
    HELLO: Cap(256),
    LOADED: Cap(256),
    FAIL: Cap(16 << 10),
    COMPILED: Cap(MAX_COMPILED, values=0),
    INSPECTED: Cap(8 << 20),
}
"""The same for a process that compiles or inspects. It runs no code of a plugin, and its answer is big."""

CAPS_FROM_PARENT: Final = {
    LOAD: Cap(4 << 10),
    BYTES: Cap(MAX_COMPILED),
    CALL: Cap(64 << 20, 64 << 20),
    HOST_RESULT: Cap(128 << 20, 128 << 20),
    COMPILE: Cap(256),
    PROBE: Cap(256),
    INSPECT: Cap(256),
}


def is_one_way(interface: str) -> bool:
    """Return whether host calls of this interface are not answered: they have no result to wait for."""
    # An answer that says nothing took most of the time of a call that logs (decision 0020).
    return interface == "log"


class FrameError(ValueError):
    """The data is not a frame, or the frame is longer than its kind allows."""


def header(kind: int, length: int, tail: int = 0) -> bytes:
    """Return the header of a frame."""
    return _HEADER.pack(length, kind, tail)


def parse_header(data: bytes | bytearray, caps: Mapping[int, Cap]) -> tuple[int, int, int]:
    """Return (kind, length, length of the tail). Raises `FrameError` unless ``caps`` allows the frame."""
    length, kind, tail = _HEADER.unpack(data)
    # Before anything is allocated: the lengths are the other side's claim.
    cap = caps.get(kind)
    if cap is None:
        raise FrameError(f"a frame of unknown kind {kind}")
    if length > cap.payload:
        raise FrameError(f"a frame of kind {kind} with {length:,} bytes, the limit is {cap.payload:,}")
    if tail > cap.tail:
        raise FrameError(f"a frame of kind {kind} with a tail of {tail:,} bytes, the limit is {cap.tail:,}")
    return kind, length, tail


def check_values(payload: bytes | bytearray, limit: int) -> None:
    """Raise `FrameError` unless this JSON has at most ``limit`` values; takes time linear in its length.

    A value follows a comma or begins an array or object, so there are at most as many as of these bytes.
    """
    if not limit or len(payload) <= limit or _separators(payload) <= limit:
        return
    # so many values have at most twice as many strings, their keys included
    quotes = payload.count(b'"') - payload.count(b'\\"')
    if quotes > 4 * limit or _separators(_without_strings(payload, 2 * limit)) > limit:
        raise FrameError(f"a message of more than {limit:,} values")


def _without_strings(payload: bytes | bytearray, count: int) -> bytes:
    """JSON without its first so many strings, which may hold anything."""
    import re  # a worker mostly need not import it

    strings = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'  # possessive: nothing is kept to go back to
    return re.sub(strings, b"", payload, count=count, flags=re.DOTALL)


def _separators(payload: bytes | bytearray) -> int:
    return sum(map(payload.count, (b",", b"[", b"{")))


class Texts:
    """The texts of one message that are sent in its tail."""

    def __init__(self, lengths: Sequence[int] = (), tail: bytes | bytearray = b"") -> None:
        """Split a received tail. Raises `FrameError` unless it is exactly as long as ``lengths`` say."""
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
        """The lengths of the texts to send, in bytes."""
        return list(map(len, self._parts))

    @property
    def tail(self) -> bytes:
        """The texts to send, concatenated."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def hoist(self, encoded: bytes) -> str:
        """Add a text to the tail. Returns its placeholder."""
        self._parts.append(encoded)
        return f"{HOISTED}{len(self._parts) - 1}"

    def hoisted(self, value: Any) -> Any:
        """Return a JSON value to send, with its long texts moved to the tail."""
        if type(value) is str:
            is_long = len(value) >= LONG or value.startswith(HOISTED)
            return self.hoist(value.encode()) if is_long else value
        if isinstance(value, list | tuple):
            return [self.hoisted(item) for item in value]
        if type(value) is dict:
            return {key: self.hoisted(item) for key, item in value.items()}
        return value

    def lowered(self, value: Any) -> Any:
        """Return a received JSON value with its long texts in their places. Raises `FrameError`.

        Each text can be used once. Otherwise a worker could name one text many times, and a small frame
        would grow to any size in the parent.
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
    """The worker's end, which blocks. It uses a bare descriptor, so that `socket` need not be imported."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, kind: int, payload: bytes | bytearray, tail: bytes = b"") -> None:
        """Send one frame. Raises `BrokenPipeError` when the parent is gone."""
        parts = [header(kind, len(payload), len(tail)), payload, tail]
        count = os.writev(self._fd, parts)  # usually everything; nothing long is copied
        for part in parts:
            rest = memoryview(part)[count:]
            count = max(0, count - len(part))
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def receive(self) -> tuple[int, bytearray, bytearray]:
        """Return the next frame as (kind, payload, tail). Raises `EOFError` when the parent is gone."""
        kind, length, tail = parse_header(self._exactly(HEADER_SIZE), CAPS_FROM_PARENT)
        payload, texts = bytearray(length), bytearray(tail)
        done = os.readv(self._fd, [payload, texts]) if tail else 0
        self._fill(memoryview(payload)[done:])
        self._fill(memoryview(texts)[max(0, done - length) :])
        return kind, payload, texts

    def receive_descriptor(self) -> int:
        """Return the descriptor that is sent with the next byte. Raises `EOFError` if there is none."""
        import _socket  # takes 1 µs; `socket` takes 2 ms

        # The descriptor still belongs to this link, so the socket object must not close it.
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
