"""A guest's linear memory, with bounds-checked reads and writes.

wasmtime-py's own `Memory.read` silently returns less for a range outside the memory.
"""

import ctypes
from typing import Any, Final

from wasmtime import Memory
from wasmtime import _ffi as ffi

MASK: Final = 0xFFFF_FFFF
"""Pointers and lengths are unsigned, but wasmtime passes them as signed: unmasked, -8 is the memory's end."""

# wasmtime-py's own prototype creates a pointer object, which costs more than the call.
_data = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(("wasmtime_memory_data", ffi.dll))


class OutOfRange(ValueError):
    """A pointer and a length are outside the memory."""


class View:
    """One memory, during one call."""

    def __init__(self, context: Any, memory: Memory) -> None:
        """Wrap a memory; ``context`` is that of the store or of the caller."""
        self._context = context
        self._memory = ctypes.byref(memory._memory)

    @property
    def size(self) -> int:
        """Return the size in bytes. It may grow whenever the guest runs, so it is not kept."""
        return int(ffi.wasmtime_memory_data_size(self._context, self._memory))

    def read(self, pointer: int, length: int) -> bytes:
        """Return a copy of a range. Raises `OutOfRange`."""
        at = self._checked(pointer, length)
        return ctypes.string_at(at, length & MASK) if length else b""

    def write(self, pointer: int, data: bytes) -> None:
        """Write all of ``data``, or nothing. Raises `OutOfRange`."""
        at = self._checked(pointer, len(data))
        if data:
            ctypes.memmove(at, data, len(data))

    def check(self, pointer: int, length: int) -> int:
        """Return the pointer as unsigned. Raises `OutOfRange` unless the range lies in memory."""
        pointer, length, size = pointer & MASK, length & MASK, self.size
        if length > size or pointer > size - length:
            raise OutOfRange(f"{length:,} bytes at {pointer} of a memory of {size:,}")
        return pointer

    def _checked(self, pointer: int, length: int) -> int:
        """Return the address of a guest's pointer in this process. Raises `OutOfRange`."""
        pointer = self.check(pointer, length)
        return int(_data(self._context, self._memory) or 0) + pointer


def put_u32(view: View, pointer: int, value: int) -> None:
    """Write a little-endian u32. Raises `OutOfRange`."""
    view.write(pointer, value.to_bytes(4, "little"))
