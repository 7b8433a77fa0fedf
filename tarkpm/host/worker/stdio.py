"""What a component writes to standard output and error, kept until it is sent to the parent's log.

wasmtime calls back from a thread of its WASI runtime. The guest's own thread sends what was kept before each
host call and at the end of each call, so the order is kept. Only when a call first loses something is what
was kept sent at once, from wasmtime's thread: a guest that writes without end may be killed at its deadline,
before its call ends. The guest chooses every byte, and how much it writes; memory, frames and text are
bounded. wasmtime takes at most 8 KiB of one write, and Python's `print` ignores that the rest was not taken.
"""

import codecs
import ctypes
import threading
from collections.abc import Callable
from typing import Any, Final

from wasmtime import WasiConfig
from wasmtime import _ffi as ffi

from tarkpm.host.ipc.frames import MAX_PRINTED, PART

KEPT: Final = 64 << 10
"""Bytes of one call that are sent as they were written."""
LAST: Final = 12 << 10
"""Bytes of standard error beyond these of which the last are sent: a traceback comes last."""

_CALLBACK: Final = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_void_p, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_size_t
)
_FINALIZER: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_NO_FINALIZER = _FINALIZER(0)

# A byte that is not UTF-8 becomes three, and the parent must never see more than it allows.
assert 3 * (KEPT + LAST + 3 * PART) <= MAX_PRINTED

Part = tuple[str, str, int]
"""The name of a stream, some text, and the bytes that were dropped before it."""


class Stdio:
    """What a guest has written and the parent has not got. Safe for several threads."""

    def __init__(self, overflowed: Callable[[], None] = lambda: None) -> None:
        """Create it. ``overflowed`` is called, from any thread, when a call first loses something."""
        self._overflowed = overflowed
        self._lock = threading.Lock()
        self._doors = [_CALLBACK(self._door("stdout")), _CALLBACK(self._door("stderr"))]
        make = codecs.getincrementaldecoder("utf-8")
        self._decoders = {"stdout": make("replace"), "stderr": make("replace")}
        self._parts: list[tuple[str, bytearray]] = []
        self._left = KEPT
        self._last = bytearray()
        self._dropped = 0
        self._has_overflowed = False

    def connect(self, wasi: WasiConfig) -> None:
        """Have this object receive standard output and error. It must outlive the store."""
        out, err = self._doors
        # Not the properties of wasmtime-py: those print an exception and make a new type for each length.
        ffi.wasi_config_set_stdout_custom(wasi.ptr(), out, None, _NO_FINALIZER)
        ffi.wasi_config_set_stderr_custom(wasi.ptr(), err, None, _NO_FINALIZER)

    def write(self, stream: str, data: bytes) -> None:
        """Keep what was written, within the limits of a call."""
        with self._lock:
            if not self._parts or self._parts[-1][0] != stream:
                # Each part becomes a frame: one byte at a time to either stream must not make 65,536 of them.
                self._left -= PART
                if self._left > 0:
                    self._parts.append((stream, bytearray()))
            kept = data[: max(0, self._left)]
            if kept:
                self._parts[-1][1].extend(kept)
                self._left -= len(kept)
            self._beyond(stream, data[len(kept) :])
            is_first = not self._has_overflowed and self._dropped > len(self._last)
            self._has_overflowed = self._has_overflowed or is_first
        if is_first:  # outside the lock, which `spill` takes
            self._overflowed()

    def _beyond(self, stream: str, rest: bytes) -> None:
        self._dropped += len(rest)
        if stream == "stderr":
            self._last += rest[-LAST:]
            del self._last[:-LAST]

    def take(self) -> list[Part]:
        """Return and forget what was written, up to the limit of a call."""
        if not self._parts:  # mostly: a guest that prints nothing pays for this comparison only
            return []
        with self._lock:
            parts, self._parts = self._parts, []
            return [(stream, self._decoders[stream].decode(data), 0) for stream, data in parts]

    def spill(self) -> list[Part]:
        """Return and forget what was written, and note that something is dropped."""
        return [*self.take(), ("stderr", "", max(1, self._dropped - len(self._last)))]

    def finish(self) -> list[Part]:
        """Return the rest at the end of a call, with the last of what exceeded the limit."""
        parts = self.take()
        with self._lock:
            if self._dropped:
                last = self._last.decode("utf-8", "replace")
                parts.append(("stderr", last, self._dropped - len(self._last)))
            parts += [(name, one.decode(b"", final=True), 0) for name, one in self._decoders.items()]
            # What a guest wrote without waiting for it may still arrive; it counts for the next call.
            self._left, self._last, self._dropped = KEPT, bytearray(), 0
            self._has_overflowed = False
        return [part for part in parts if part[1] or part[2]]

    def _door(self, stream: str) -> Any:
        def written(_data: Any, start: Any, length: int) -> int:
            try:
                # A length the guest chose: what is beyond all limits is not even copied.
                self.write(stream, ctypes.string_at(start, length))
            except BaseException:  # noqa: BLE001  # no Python exception may unwind wasmtime's frames
                return -5
            return length

        return written
