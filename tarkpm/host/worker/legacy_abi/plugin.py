"""A module's exports, called with texts: what goes in and what comes back is in buffers the guest made."""

import json
from collections.abc import Mapping
from typing import Final

from wasmtime import Memory, Store

from tarkpm.host.worker.engine import Failure
from tarkpm.host.worker.legacy_abi.ffi import Export
from tarkpm.host.worker.legacy_abi.memory import MASK, OutOfRange, View
from tarkpm.host.worker.wit import Mismatch

NOWHERE: Final = 1
"""Where a text without bytes is: not null, which Rust's slices must not be."""


class CallRefused(Mismatch):
    """A function answered with a negative code. The words are its own, where it has some."""


class Plugin:
    """One instance. Raises what a call of a guest's can raise, and `Mismatch` for what none of it may say."""

    def __init__(self, store: Store, exports: Mapping[str, Export], memory: Memory) -> None:
        self._store = store
        self._exports = exports
        self._memory = memory
        self._buffers: list[tuple[int, int]] = []

    def __contains__(self, name: str) -> bool:
        return name in self._exports

    def first(self, *names: str) -> str:
        """The first of these that is exported; `Failure` if none is."""
        for name in names:
            if name in self._exports:
                return name
        raise Failure("absent", " or ".join(names))

    def number(self, name: str) -> int:
        """What a function without parameters answers."""
        return self._exports[name].call(self._store)

    def do(self, name: str, *texts: str) -> None:
        """Call a function that is given texts and answers whether it was done. Raises `CallRefused`."""
        code = self._exports[name].call(self._store, *self._given(texts))
        self._free()
        if code < 0:
            raise CallRefused(f"{name} returned {code}")

    def ask(self, name: str, *texts: str, room: int) -> str:
        """Call a function that takes texts and writes one of at most ``room`` bytes. Raises `CallRefused`."""
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
        """What was written; for an error as well, whose code can be the negative length of its words."""
        if length > room:
            raise Mismatch(f"{name}: wrote {length:,} bytes into a buffer of {room:,}")
        if length < -room:
            return b""
        return self._view().read(at, abs(length))

    def _given(self, texts: tuple[str, ...]) -> list[int]:
        """Pointer and length of each text, in the guest's memory."""
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
        """A buffer of the guest's, which must be in its memory, and apart from those it gave before."""
        at = self._exports["alloc"].call(self._store, size) & MASK
        if at == 0:
            raise Mismatch(f"alloc returned null for {size:,} bytes")
        try:
            self._view().check(at, size)
        except OutOfRange as problem:
            raise Mismatch(f"alloc returned {problem}") from None
        if any(at < other + length and other < at + size for other, length in self._buffers):
            raise Mismatch(f"alloc returned {size:,} bytes at {at}, which overlap a buffer in use")
        self._buffers.append((at, size))
        return at

    def _free(self) -> None:
        """Give the buffers back, if the guest takes them."""
        buffers, self._buffers = self._buffers, []
        dealloc = self._exports.get("dealloc")
        if dealloc is not None:
            for at, size in buffers:
                dealloc.call(self._store, at, size)

    def _view(self) -> View:
        return View(self._store._context(), self._memory)


def _words(said: bytes) -> str:
    """The text of ``{"error": text}``; nothing where that is not what was said."""
    try:
        found = json.loads(said.decode())  # of bytes, `json` would guess the encoding, and load it
    except (ValueError, RecursionError):
        return ""
    error = found.get("error") if type(found) is dict else None
    return error if type(error) is str else ""
