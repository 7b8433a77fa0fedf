"""The parent's handle on one plugin: its worker process, its gate, and the exchange between them.

The parent holds the clock. Whatever a worker does, an exchange ends at its deadline, in a value or in one
typed error; after anything but an orderly answer the process is killed, and the next call starts another.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.errors import HostError, LimitReached, ModuleInvalid, PluginCrashed
from tarkpm.host import failures, messages
from tarkpm.host.channel import Channel
from tarkpm.host.gate import Gate, Nonsense
from tarkpm.host.imports import Interface
from tarkpm.host.imports.log import Log, LogSink
from tarkpm.host.imports.storage import Storage
from tarkpm.host.limits import Limits, size
from tarkpm.host.module import check_fits, inspect
from tarkpm.host.process import Process
from tarkpm.host.worker import frames

_T = TypeVar("_T")

RUNNABLE = ("tool",)
MARGIN = 0.25
"""Seconds the guest has less than the parent waits: a spin ends in the guest, which spares the worker."""


class PluginImage(msgspec.Struct, frozen=True):
    """A plugin to run: verified bytes, and what it may do.

    ``granted`` is what the user granted and the manifest declares, already cut to what both have. ``data``
    is the plugin's own folder, which need not exist yet.
    """

    name: str
    type: str
    wasm: bytes
    granted: CapabilitySet
    data: Path


class Worker:
    """One plugin, held by one process at a time. Calls from several threads take turns."""

    def __init__(
        self, image: PluginImage, limits: Limits, sink: LogSink, spare: Process | None = None
    ) -> None:
        """Nothing is started yet. ``spare`` is a process without a plugin, to be used for this one."""
        self.image = image
        self._limits = limits
        self._lock = threading.Lock()
        self._log = Log(image.name, sink, limits)
        self._storage = Storage(image.data, self._log.note)
        served: Mapping[str, Interface] = {"log": self._log, "storage": self._storage}
        self.gate = Gate(image.granted, served, self._log.note, calls=limits.host_calls)
        self._spare = spare
        self._checked = False
        self._conversation: _Conversation | None = None

    @property
    def pid(self) -> int | None:
        """The process that holds the plugin now, if one does."""
        conversation = self._conversation
        return None if conversation is None else conversation.process.pid

    def load(self) -> None:
        """Start a process and load the plugin into it, if that is not done.

        Raises `ModuleInvalid` for a plugin that does not fit, `LimitReached`, `PluginCrashed`.
        """
        with self._lock:
            self._load()

    def call(self, function: str, args: list[str], answer: type[_T], deadline: float | None = None) -> _T:
        """Call an exported function; its result, decoded as an ``answer``.

        ``deadline`` is on `time.monotonic`, and `Limits.seconds` from now without one; loading the plugin
        has a deadline of its own. Raises `LimitReached`, `PluginCrashed`, `PluginFailed`, `ModuleInvalid`.
        """
        with self._lock:
            conversation = self._load()
            until = time.monotonic() + self._limits.seconds if deadline is None else deadline
            self.gate.begin()
            self._log.begin()
            left = max(0.0, until - time.monotonic())
            call = messages.Call(function, args, left - min(MARGIN, left / 10))

            def ask() -> _T:
                conversation.send(frames.CALL, call, until)
                returned = conversation.answer(frames.RETURN, messages.Return, until)
                return decoded(returned.value, answer)

            return self._guarded(ask, f"ran longer than {self._limits.seconds:g} s")

    def close(self) -> None:
        """End the process and let go of every file. The worker can be used again afterwards.

        A call that another thread is in ends at once, in a `PluginCrashed`.
        """
        conversation = self._conversation
        if conversation is not None:
            conversation.process.hang_up()
        with self._lock:
            self._kill()
            if self._spare is not None:
                self._spare.kill()
                self._spare = None
            self._storage.close()

    def _load(self) -> "_Conversation":
        if self._conversation is not None:
            if not self._conversation.process.ended:
                return self._conversation
            self._kill()  # it ended while nothing was asked of it, so nothing was lost
        self._check()
        self._conversation = conversation = _Conversation(self._take_process(), self._limits, self.gate)
        too_late = f"took longer than {self._limits.load_seconds:g} s to load"
        self._guarded(lambda: conversation.load(self.image), too_late)
        return conversation

    def _check(self) -> None:
        """Refuse what cannot fit before a process is started for it."""
        if self._checked:
            return
        wasm, where = self.image.wasm, self.image.name
        if len(wasm) > frames.MAX_MODULE:
            limit = size(frames.MAX_MODULE)
            raise ModuleInvalid(f"is {len(wasm):,} bytes long, the limit is {limit}", where=where)
        misfit = check_fits(inspect(wasm, where=where), self.image.type)
        if misfit is not None:
            raise ModuleInvalid(misfit, where=where)
        if self.image.type not in RUNNABLE:
            raise HostError(f"is of type {self.image.type!r}, which cannot be run yet", where=where)
        self._checked = True

    def _take_process(self) -> Process:
        spare, self._spare = self._spare, None
        if spare is not None and not spare.ended:
            return spare
        if spare is not None:
            spare.kill()
        return Process()

    def _guarded(self, exchange: Callable[[], _T], too_late: str) -> _T:
        """Every way an exchange can end but well: kill what must not go on, and raise one typed error."""
        try:
            return exchange()
        except _Reported as reported:
            if reported.fail.kind not in failures.SPARED:
                self._kill()
            error = failures.explained(reported.fail, self._limits)
        except TimeoutError:  # the parent's clock: the guest's own has a margin
            self._kill()
            error = LimitReached(too_late)
        except EOFError:
            error = failures.post_mortem(*self._kill(), self._limits)
        except (Nonsense, frames.FrameError) as problem:
            self._kill()
            error = PluginCrashed(f"its worker sent {problem}")
        except HostError as problem:  # the gate's
            self._kill()
            error = problem
        except BaseException:  # Ctrl-C, or a fault of tarkpm's own: the worker waits for an answer
            self._kill()
            raise
        error.where = error.where or self.image.name
        raise error

    def _kill(self) -> tuple[str, str]:
        conversation, self._conversation = self._conversation, None
        return conversation.process.kill() if conversation is not None else ("is gone", "")


class _Reported(Exception):
    """The worker says why it has no answer."""

    def __init__(self, fail: messages.Fail) -> None:
        super().__init__(fail.kind)
        self.fail = fail


class _Conversation:
    """With one process, from its greeting to its end."""

    def __init__(self, process: Process, limits: Limits, gate: Gate) -> None:
        self.process = process
        self._limits = limits
        self._gate = gate
        self._channel = Channel(process.socket, frames.caps_from_worker(limits.output))

    def load(self, image: PluginImage) -> None:
        """From the greeting to the loaded plugin."""
        limits = self._limits
        deadline = time.monotonic() + limits.load_seconds
        hello = self.answer(frames.HELLO, messages.Hello, deadline)
        if hello.version != frames.VERSION:
            raise Nonsense(f"a greeting of version {hello.version}, expected {frames.VERSION}")
        self.send(
            frames.LOAD, messages.Load(image.type, limits.memory, limits.stack, limits.output), deadline
        )
        self._channel.send(frames.BYTES, image.wasm, deadline)
        self.answer(frames.LOADED, messages.Loaded, deadline)

    def send(self, kind: int, message: msgspec.Struct, deadline: float) -> None:
        self._channel.send(kind, msgspec.json.encode(message), deadline)

    def answer(self, wanted: int, shape: type[_T], deadline: float) -> _T:
        """What the frame of the ``wanted`` kind holds, after answering every host call before it."""
        while True:
            kind, payload = self._channel.receive(deadline)
            if kind == wanted:
                return decoded(payload, shape)
            if kind == frames.FAIL:
                raise _Reported(decoded(payload, messages.Fail))
            if kind != frames.HOST_CALL or wanted != frames.RETURN:
                raise Nonsense(f"a frame of kind {kind}, expected {wanted}")
            self._serve(decoded(payload, messages.HostCall), deadline)

    def _serve(self, asked: messages.HostCall, deadline: float) -> None:
        value = self._gate.answer(asked.interface, asked.function, asked.args, deadline)
        self.send(frames.HOST_RESULT, messages.HostResult(value), deadline)


def decoded(payload: bytearray | msgspec.Raw, shape: type[_T]) -> _T:
    """A payload as what it must be, or `Nonsense`."""
    try:
        return msgspec.json.decode(payload, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Nonsense(f"something that is not a {getattr(shape, '__name__', shape)}") from None
