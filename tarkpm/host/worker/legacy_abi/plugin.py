"""Calls of a module's exports with texts, which are passed in buffers that the guest allocates."""

import json
from collections.abc import Mapping
from typing import Final

from wasmtime import Memory, Store

from tarkpm.host.worker.engine import Failure
from tarkpm.host.worker.legacy_abi.ffi import Export
from tarkpm.host.worker.legacy_abi.memory import MASK, OutOfRange, View
from tarkpm.host.worker.wit import Mismatch

NOWHERE: Final = 1
"""The pointer of an empty text. Not null, because a Rust slice must not have a null pointer."""


class CallRefused(Mismatch):
    """A function returned a negative code. The message is the plugin's own, if it gave one."""


class Plugin:
    """One instance of a plugin. Calls raise what a guest's call raises, and `Mismatch`."""

    def __init__(self, store: Store, exports: Mapping[str, Export], memory: Memory) -> None:
        self._store = store
        self._exports = exports
        self._memory = memory
        self._buffers: list[tuple[int, int]] = []

    def __contains__(self, name: str) -> bool:
        return name in self._exports

    def first(self, *names: str) -> str:
        """Return the first of ``names`` that is exported. Raises `Failure` if none is."""
        for name in names:
            if name in self._exports:
                return name
        raise Failure("absent", " or ".join(names))

    def number(self, name: str) -> int:
        """Return the result of a function without parameters."""
        return self._exports[name].call(self._store)

    def do(self, name: str, *texts: str) -> None:
        """Call a function that takes texts and returns a code. Raises `CallRefused` for a negative one."""
        code = self._exports[name].call(self._store, *self._given(texts))
        # Not in a `finally`: after a trap the instance must not be called, and is dropped as a whole.
        self._free()
        if code < 0:
            raise CallRefused(f"{name} returned {code}")

    def ask(self, name: str, *texts: str, room: int) -> str:
        """Call a function that takes texts and writes a result into a buffer of ``room`` bytes.

        Raises `CallRefused` for a negative length.
        """
        given = self._given(texts)
        at = self._allocated(room)
        length = self._exports[name].call(self._store, *given, at)
        said = self._said(name, at, length, room)
        self._free()
        if length < 0:
            raise CallRefused(_words(said) or f"{name} returned {length}")
        try:
            return said.decode()
        except UnicodeDecodeError:
            raise Mismatch(f"{name}: expected UTF-8") from None

    def _said(self, name: str, at: int, length: int, room: int) -> bytes:
        """Return the written bytes. An error's code can be the negative length of its message."""
        if length > room:
            raise Mismatch(f"{name}: wrote {length:,} bytes into a buffer of {room:,}")
        # -length would be a message longer than the buffer, so it is just a code.
        if length < -room:
            return b""
        return self._view().read(at, abs(length))

    def _given(self, texts: tuple[str, ...]) -> list[int]:
        """Copy texts into the guest's memory. Returns the pointer and the length of each."""
        given = []
        for text in texts:
            data = text.encode()
            at = NOWHERE
            if data:
                at = self._allocated(len(data))
                self._view().write(at, data)
            given += [at, len(data)]
        return given

    def _allocated(self, size: int) -> int:
        """Allocate a buffer in the guest. It must lie in memory and not overlap a buffer in use."""
        at = self._exports["alloc"].call(self._store, size) & MASK
        if at == 0:
            raise Mismatch(f"alloc returned null for {size:,} bytes")
        try:
            self._view().check(at, size)
        except OutOfRange as problem:
            raise Mismatch(f"alloc returned {problem}") from None
        # Overlapping buffers would let the result overwrite an argument that is still in use.
        if any(at < other + length and other < at + size for other, length in self._buffers):
            raise Mismatch(f"alloc returned {size:,} bytes at {at}, which overlap a buffer in use")
        self._buffers.append((at, size))
        return at

    def _free(self) -> None:
        """Free the buffers, if the guest exports `dealloc`."""
        buffers, self._buffers = self._buffers, []
        dealloc = self._exports.get("dealloc")
        if dealloc is not None:
            for at, size in buffers:
                dealloc.call(self._store, at, size)

    def _view(self) -> View:
        return View(self._store._context(), self._memory)


def _words(said: bytes) -> str:
    """Return the text of ``{"error": text}``, or nothing if ``said`` has another form."""
    try:
        found = json.loads(said.decode())  # from bytes `json` would guess the encoding and import its codec
    except (ValueError, RecursionError):
        return ""
    error = found.get("error") if type(found) is dict else None
    return error if type(error) is str else ""
