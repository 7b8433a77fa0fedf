"""A guest's linear memory, read and written only where it is."""

import ctypes
from typing import Any, Final

from wasmtime import Memory
from wasmtime import _ffi as ffi

MASK: Final = 0xFFFF_FFFF
"""Pointers and lengths are unsigned; wasmtime hands them over signed."""

# wasmtime-py's own prototype makes a pointer object, which costs more than the call
_data = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(("wasmtime_memory_data", ffi.dll))


class OutOfRange(ValueError):
    """A pointer and a length that do not lie in memory."""


class View:
    """One memory, as it is now, seen from inside one call."""

    def __init__(self, context: Any, memory: Memory) -> None:
        """``context`` is the store's or the caller's."""
        self._context = context
        self._memory = ctypes.byref(memory._memory)

    @property
    def size(self) -> int:
        """In bytes. It may grow whenever the guest runs."""
        return int(ffi.wasmtime_memory_data_size(self._context, self._memory))

    def read(self, pointer: int, length: int) -> bytes:
        """A copy; raises `OutOfRange`."""
        at = self._checked(pointer, length)
        return ctypes.string_at(at, length & MASK) if length else b""

    def write(self, pointer: int, data: bytes) -> None:
        """All of ``data``, or nothing and `OutOfRange`."""
        at = self._checked(pointer, len(data))
        if data:
            ctypes.memmove(at, data, len(data))

    def check(self, pointer: int, length: int) -> int:
        """The pointer, unsigned; raises `OutOfRange` unless so many bytes of memory are there."""
        pointer, length, size = pointer & MASK, length & MASK, self.size
        if length > size or pointer > size - length:
            raise OutOfRange(f"{length:,} bytes at {pointer} of a memory of {size:,}")
        return pointer

    def _checked(self, pointer: int, length: int) -> int:
        """The address in this process of what lies at a pointer."""
        pointer = self.check(pointer, length)
        return int(_data(self._context, self._memory) or 0) + pointer


def put_u32(view: View, pointer: int, value: int) -> None:
    """Write a little-endian u32; raises `OutOfRange`."""
    view.write(pointer, value.to_bytes(4, "little"))
