"""The parent's side of the protocol, from the worker's greeting to its last answer.

Every frame that arrives is decoded into the expected message, or raises `ProtocolError`; the caller then
kills the worker.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from tarkpm.host.gate import Gate
from tarkpm.host.image import PluginImage
from tarkpm.host.ipc import frames, messages
from tarkpm.host.ipc.decoding import Arguments, ProtocolError, decoded, valued
from tarkpm.host.ipc.frame_socket import FrameSocket
from tarkpm.host.limits import Limits
from tarkpm.host.process import AnyProcess

_T = TypeVar("_T")


class Code(Protocol):
    """Compiled code that may be run: its MAC was verified, or it was compiled just now."""

    descriptor: int
    """A sealed memfd that holds only the code, or -1."""

    @property
    def parts(self) -> "Sequence[Code]":
        """Return the code of the core modules that this code imports."""

    def read(self) -> bytes:
        """Return the code, on systems without memfds."""


class Reported(Exception):
    """The worker reported a failure instead of an answer."""

    def __init__(self, fail: messages.Fail) -> None:
        super().__init__(fail.kind)
        self.fail = fail


class Conversation:
    """The conversation with one worker process."""

    def __init__(
        self,
        process: AnyProcess,
        limits: Limits,
        gate: Gate | None = None,
        printed: Callable[[messages.Printed], None] | None = None,
    ) -> None:
        """Wrap a process. Without a ``gate`` it runs no plugin: it compiles, inspects or is probed.

        ``printed`` gets what the plugin writes to its standard streams.
        """
        self.process = process
        self._limits = limits
        self._gate = gate
        self._printed = printed
        self._printable = 0
        caps = frames.CAPS_FROM_COMPILER if gate is None else frames.caps_from_worker(limits.output)
        self._channel = FrameSocket(process.socket, caps)

    def greet(self, deadline: float) -> None:
        """Receive the greeting. Raises `ProtocolError` for another protocol version."""
        hello, _ = self.answer(frames.HELLO, messages.Hello, deadline)
        if hello.version != frames.VERSION:
            raise ProtocolError(f"a greeting of version {hello.version}, expected {frames.VERSION}")

    def load(
        self, image: PluginImage, code: Code | None, *, schemas: bool, deadline: float
    ) -> messages.Loaded:
        """Receive the greeting and load the plugin; ``schemas``: be ready to check tool arguments."""
        self.greet(deadline)
        limits = self._limits
        form, parts = _form(code), _parts(code)
        load = messages.Load(
            image.type, image.abi, limits.memory, limits.stack, limits.output, form, parts, schemas
        )
        self.send(frames.LOAD, load, deadline)
        self._send_code(image.wasm, code, deadline)
        for part in code.parts if code is not None else ():
            self._send_code(b"", part, deadline)
        return self.answer(frames.LOADED, messages.Loaded, deadline)[0]

    def _send_code(self, wasm: bytes, code: Code | None, deadline: float) -> None:
        if code is not None and code.descriptor >= 0:
            self._channel.send_descriptor(code.descriptor, deadline)
        else:
            self._channel.send(frames.BYTES, wasm if code is None else code.read(), deadline)

    def compile(self, wasm: bytes, deadline: float, *, mapped: bool, target: str = "") -> bytearray:
        """Compile a module in a process that does nothing else. Returns the image, as `Compile` says."""
        self.greet(deadline)
        self.send(frames.COMPILE, messages.Compile(self._limits.stack, mapped, target), deadline)
        self._channel.send(frames.BYTES, wasm, deadline)
        kind, payload, _ = self._channel.receive(deadline)
        if kind == frames.FAIL:
            raise Reported(decoded(payload, messages.Fail))
        if kind != frames.COMPILED:
            raise ProtocolError(f"a frame of kind {kind}, expected {frames.COMPILED}")
        return payload

    def inspect(self, wasm: bytes, code: Code | None, *, core: bool, deadline: float) -> messages.Inspected:
        """Read a module's surface in a process that does nothing else; without ``code`` it compiles it."""
        self.greet(deadline)
        message = messages.Inspect(self._limits.stack, _form(code), _parts(code), core)
        self.send(frames.INSPECT, message, deadline)
        self._send_code(wasm, code, deadline)
        return self.answer(frames.INSPECTED, messages.Inspected, deadline)[0]

    def probe(self, deadline: float) -> messages.Loaded:
        """Let a process confine itself, and return what worked."""
        self.greet(deadline)
        self.send(frames.PROBE, messages.Probe(), deadline)
        return self.answer(frames.LOADED, messages.Loaded, deadline)[0]

    def call(self, function: str, args: list[Any], seconds: float, shape: type[_T], deadline: float) -> _T:
        """Call an exported function. Returns its result, decoded as a ``shape``."""
        texts = frames.Texts()
        hoisted = texts.hoisted(args)
        # Only the answer to this very function may be as long as its type allows.
        self._channel.allow(frames.RETURN, frames.answer_cap(function, self._limits.output))
        self._printable = frames.MAX_PRINTED
        self.send(frames.CALL, messages.Call(function, hoisted, seconds, texts.lengths), deadline, texts.tail)
        returned, tail = self.answer(frames.RETURN, messages.Return, deadline)
        return valued(returned.value, returned.texts, tail, shape)

    def send(self, kind: int, message: msgspec.Struct, deadline: float, tail: bytes = b"") -> None:
        """Send one message."""
        self._channel.send(kind, msgspec.json.encode(message), deadline, tail)

    def answer(self, wanted: int, shape: type[_T], deadline: float) -> tuple[_T, bytearray]:
        """Answer host calls until a frame of the ``wanted`` kind arrives. Returns its message and tail."""
        while True:
            kind, payload, tail = self._channel.receive(deadline)
            if kind == wanted:
                return decoded(payload, shape), tail
            if kind == frames.FAIL:
                raise Reported(decoded(payload, messages.Fail))
            if kind == frames.PRINTED and wanted == frames.RETURN:
                self._show(decoded(payload, messages.Printed))
                continue
            # Only a running call may make host calls: a worker that is loading runs no code of the plugin.
            if kind != frames.HOST_CALL or wanted != frames.RETURN:
                raise ProtocolError(f"a frame of kind {kind}, expected {wanted}")
            self._serve(decoded(payload, messages.HostCall), tail, deadline)

    def _show(self, part: messages.Printed) -> None:
        # A worker stays far below this: one that does not could keep the parent busy for the whole call.
        self._printable -= frames.PART + len(part.text.encode())
        if self._printable < 0:
            raise ProtocolError("more printed text than a call may have")
        if self._printed is not None:
            self._printed(part)

    def _serve(self, asked: messages.HostCall, tail: bytearray, deadline: float) -> None:
        assert self._gate is not None
        args = Arguments(asked.args, asked.texts, tail)
        value = self._gate.answer(asked.interface, asked.function, args, deadline)
        if frames.is_one_way(asked.interface):
            return
        texts = frames.Texts()
        result = messages.HostResult(texts.hoisted(value), texts.lengths)
        self.send(frames.HOST_RESULT, result, deadline, texts.tail)


def _form(code: Code | None) -> Literal["wasm", "bytes", "descriptor"]:
    return "wasm" if code is None else "bytes" if code.descriptor < 0 else "descriptor"


def _parts(code: Code | None) -> int:
    return 0 if code is None else len(code.parts)


def until(seconds: float) -> float:
    """Return the deadline that is ``seconds`` from now, on the clock of `time.monotonic`."""
    return time.monotonic() + seconds
