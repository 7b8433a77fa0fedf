"""WASI preview 1 without arguments, environment and files. It has clocks and randomness.

Printed text goes to the log, line by line. The other functions answer as in a process that has none of these.
Error numbers are those of `wasi_snapshot_preview1`.
"""

import os
import time
from collections.abc import Callable
from typing import Any, Final

from tarkpm.host.ipc.frames import Texts
from tarkpm.host.worker.legacy_abi.answers import GetMemory
from tarkpm.host.worker.legacy_abi.ffi import CoreAnswer
from tarkpm.host.worker.legacy_abi.memory import MASK, OutOfRange, View, put_u32
from tarkpm.host.worker.plugin_instance import AskParent

_OK, _BADF, _FAULT, _INVAL, _SPIPE = 0, 8, 21, 28, 70
_CHARACTER_DEVICE: Final = 2
_FDSTAT: Final = bytes([_CHARACTER_DEVICE]) + bytes(23)
_RESOLUTION: Final = 1_000
"""Nanoseconds."""
MAX_RANDOM: Final = 64 << 10
MAX_PIECES: Final = 1_024
MAX_LINE: Final = 4 << 10
MAX_PRINTED: Final = 64 << 10
"""Maximum bytes of one `fd_write` that are logged; the rest is dropped."""
_LEVELS: Final = {1: "info", 2: "warn"}


class Exited(Exception):
    """The guest exited with this status."""


class Wasi:
    """The WASI functions of one guest, for all its instances."""

    def __init__(self, ask: AskParent, memory: GetMemory) -> None:
        self._ask = ask
        self._memory = memory
        self._lines: dict[int, bytearray] = {}

    def answering(self, function: str) -> CoreAnswer:
        """Return the implementation of one of `abi.WASI`."""
        act: Callable[..., int] = getattr(self, f"_{function}")

        def answer(context: Any, given: list[int]) -> int:
            try:
                return act(View(context, self._memory()), *given)
            except OutOfRange:
                return _FAULT

        return answer

    def flush(self) -> None:
        """Log printed text that has no line break yet."""
        lines, self._lines = self._lines, {}
        for fd, line in lines.items():
            self._log(fd, bytes(line))

    def forget(self) -> None:
        """Drop printed text that has no line break yet, because its instance is gone."""
        self._lines = {}

    def _log(self, fd: int, line: bytes) -> None:
        if len(line) > MAX_LINE:
            line = line[:MAX_LINE] + b" (cut: the line is longer)"
        if line.strip():
            self._ask("log", _LEVELS[fd], [line.decode("utf-8", "replace").replace("\0", "\ufffd")], Texts())

    def _fd_write(self, view: View, fd: int, pieces: int, count: int, written: int) -> int:
        if fd not in _LEVELS:
            return _BADF
        # Bounded before the loop: the count comes from the guest, and each piece costs a read.
        if not 0 <= count <= MAX_PIECES:
            return _INVAL
        view.check(written, 4)  # first: a call that fails must have printed nothing
        total = 0
        for index in range(count):
            piece = view.read(pieces + 8 * index, 8)
            length = int.from_bytes(piece[4:], "little")
            at = view.check(int.from_bytes(piece[:4], "little"), length)
            self._printed(fd, view.read(at, max(0, min(length, MAX_PRINTED - total))))
            total += length
        if total > MAX_PRINTED:
            self._log(fd, b"(cut: more was printed at once)")
        put_u32(view, written, total & MASK)
        return _OK

    def _printed(self, fd: int, text: bytes) -> None:
        """Log text line by line; a line of more than `MAX_LINE` bytes is cut visibly."""
        *whole, rest = text.split(b"\n")
        for part in whole:
            line = self._lines.pop(fd, bytearray()) + part[: MAX_LINE + 1]
            self._log(fd, bytes(line))
        if rest:
            kept = self._lines.setdefault(fd, bytearray())
            kept += rest[: max(0, MAX_LINE + 1 - len(kept))]

    def _args_get(self, _view: View, _list: int, _texts: int) -> int:
        return _OK

    def _args_sizes_get(self, view: View, count: int, size: int) -> int:
        put_u32(view, count, 0)
        put_u32(view, size, 0)
        return _OK

    _environ_get = _args_get
    _environ_sizes_get = _args_sizes_get

    def _clock_time_get(self, view: View, clock: int, _precision: int, at: int) -> int:
        if clock not in (0, 1):
            return _INVAL
        now = time.time_ns() if clock == 0 else time.monotonic_ns()
        view.write(at, max(0, now).to_bytes(8, "little"))
        return _OK

    def _clock_res_get(self, view: View, clock: int, at: int) -> int:
        if clock not in (0, 1):
            return _INVAL
        view.write(at, _RESOLUTION.to_bytes(8, "little"))
        return _OK

    def _random_get(self, view: View, at: int, length: int) -> int:
        if not 0 <= length <= MAX_RANDOM:
            return _INVAL
        view.check(at, length)  # before the bytes are made
        view.write(at, os.urandom(length))
        return _OK

    def _fd_close(self, _view: View, fd: int) -> int:
        return _OK if fd in (0, 1, 2) else _BADF

    def _fd_fdstat_get(self, view: View, fd: int, at: int) -> int:
        if fd not in (0, 1, 2):
            return _BADF
        view.write(at, _FDSTAT)
        return _OK

    def _fd_seek(self, _view: View, fd: int, _offset: int, _whence: int, _at: int) -> int:
        return _SPIPE if fd in (0, 1, 2) else _BADF

    def _fd_prestat_get(self, _view: View, _fd: int, _at: int) -> int:
        return _BADF

    def _fd_prestat_dir_name(self, _view: View, _fd: int, _path: int, _length: int) -> int:
        return _BADF

    def _proc_exit(self, _view: View, status: int) -> int:
        raise Exited(str(status & MASK))

    def _sched_yield(self, _view: View) -> int:
        return _OK
