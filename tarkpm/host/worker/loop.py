"""The worker's main loop: each LOAD, COMPILE, INSPECT, PROBE and CALL gets exactly one answer."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from tarkpm.host.ipc.frames import (
    BYTES,
    CALL,
    COMPILE,
    COMPILED,
    FAIL,
    HELLO,
    HOST_CALL,
    HOST_RESULT,
    INSPECT,
    INSPECTED,
    LOAD,
    LOADED,
    MAX_PAYLOAD,
    PRINTED,
    PROBE,
    RETURN,
    VERSION,
    Cap,
    FrameError,
    Link,
    Texts,
    answer_cap,
    check_values,
    header,
    is_one_way,
    parse_header,
)
from tarkpm.host.worker import confine, sandbox
from tarkpm.host.worker.engine import Failure, compiled_image
from tarkpm.host.worker.guest import Guest
from tarkpm.host.worker.plugin_instance import PluginInstance
from tarkpm.host.worker.schemas import Schemas
from tarkpm.host.worker.stdio import Part, Stdio
from tarkpm.host.worker.watchdog import die_with

MAX_MESSAGE = 1_000
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class _Parent:
    """The connection to the parent."""

    def __init__(self, fd: int) -> None:
        self.link = Link(fd)
        self.printed = Stdio(lambda: self.show(self.printed.spill))
        # No frame may be cut in two or overtake another: what a guest writes may be sent from another thread.
        self._turn = threading.RLock()
        self._encode: Callable[[Any], bytes] = lambda document: _json.encode(document).encode()
        self._decode: Callable[[bytes | bytearray], Any] = json.loads
        if "msgspec" in sys.modules:  # by the fork server; an import here costs more than one call saves
            import msgspec

            self._encode, self._decode = msgspec.json.encode, msgspec.json.decode

    def tell(self, kind: int, document: dict[str, Any], texts: Texts | None = None) -> None:
        """Send a message; ``texts`` holds the long texts that the document refers to."""
        payload = self._encoded(document, texts)
        with self._turn:
            self.link.send(kind, payload, texts.tail if texts else b"")

    def answer(self, function: str, value: Any, texts: Texts, limit: int) -> None:
        """Send the result of a call, at most ``limit`` bytes of text. Raises `Failure` if it is too large."""
        payload = self._encoded({"value": value}, texts)
        _check(payload, answer_cap(function, limit))
        with self._turn:
            self.link.send(RETURN, payload, texts.tail)

    def _encoded(self, document: dict[str, Any], texts: Texts | None) -> bytes:
        if texts:
            document["texts"] = texts.lengths
        return self._encode(document)

    def hear(self) -> tuple[int, dict[str, Any]]:
        """Return the next message, as its kind and its document."""
        kind, payload, tail = self.link.receive()
        document: dict[str, Any] = self._decode(payload)
        if tail:
            document = Texts(document.pop("texts"), tail).lowered(document)
        return kind, document

    def ask(self, interface: str, function: str, args: list[Any], texts: Texts) -> Any:
        """Make one host call. If the parent is gone, exit: no exception may unwind wasmtime's frames."""
        payload = self._encoded({"interface": interface, "function": function, "args": args}, texts)
        _check(payload, Cap(MAX_PAYLOAD))
        try:
            with self._turn:
                self.show(self.printed.take)  # first: it was written before this call was made
                self.link.send(HOST_CALL, payload, texts.tail)
            if is_one_way(interface):
                return None
            kind, result = self.hear()
        except (EOFError, OSError):
            os._exit(0)
        assert kind == HOST_RESULT
        return result["value"]

    def show(self, take: Callable[[], Iterable[Part]]) -> None:
        """Send what the guest wrote to its standard streams, as ``take`` returns it."""
        with self._turn:
            for stream, text, dropped in take():
                self.tell(PRINTED, {"stream": stream, "text": text, "dropped": dropped})

    def code(self, form: str) -> bytes | int:
        """Receive a module or compiled code, as the message before announced."""
        return self.link.receive_descriptor() if form == "descriptor" else self.module()

    def module(self) -> bytes:
        kind, code, _ = self.link.receive()
        assert kind == BYTES
        return bytes(code)


def _check(payload: bytes, cap: Cap) -> None:
    """Raise `Failure` for what the parent would kill this process for."""
    try:
        parse_header(header(RETURN, len(payload)), {RETURN: cap})
        check_values(payload, cap.values)
    except FrameError:
        raise Failure("output") from None


def run(fd: int, parent: int, *, schemas: bool = False) -> None:
    """Serve the socket ``fd`` of process ``parent`` until it is closed. ``schemas`` imports the validator."""
    other = _Parent(fd)
    try:
        other.tell(HELLO, {"version": VERSION})
        if schemas:  # while the parent looks for the plugin's code
            Schemas(ready=True)
        _serve(other, parent)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _serve(other: _Parent, parent: int) -> None:
    guest: PluginInstance | None = None
    while True:
        kind, request = other.hear()
        try:
            if kind == CALL:
                assert guest is not None
                _call(other, guest, request)
            elif kind == LOAD:
                guest, given_up = _load(other, request, parent)
                other.tell(LOADED, given_up)
            elif kind == COMPILE:
                other.link.send(COMPILED, _compiled(other.module(), request, parent))
            elif kind == INSPECT:
                other.tell(INSPECTED, _inspected(other, request, parent))
            else:
                assert kind == PROBE
                other.tell(LOADED, {"landlock": sandbox.no_files(), "seccomp": sandbox.few_calls()})
        except Failure as failure:
            other.tell(FAIL, {"kind": failure.kind, "message": failure.message[:MAX_MESSAGE]})


def _call(other: _Parent, guest: PluginInstance, request: dict[str, Any]) -> None:
    try:
        value, texts = guest.call(request["function"], request["args"], request["seconds"])
    finally:  # a traceback, for instance
        other.show(other.printed.finish)
    try:
        other.answer(request["function"], value, texts, guest.output)
    except Failure:
        guest.reset()
        raise


def _load(other: _Parent, load: dict[str, Any], parent: int) -> tuple[PluginInstance, dict[str, Any]]:
    """Load a guest and confine this process. Returns the guest and the confinement that worked."""
    if load["abi"] == "core":
        from tarkpm.host.worker.legacy_abi.guest import OlderGuest  # most workers do not need it

    # 1. Receive the code. Limit the memory before anything parses it.
    code = other.code(load["code"])
    parts = [other.code(load["code"]) for _ in range(load["parts"])]
    confine.limit_memory()
    # 2. Open and import what will be needed: no file can be opened after step 3.
    schemas = Schemas(ready=load["schemas"])
    statm = confine.Memory()
    # 3. Landlock. It applies to this thread and those it starts, so it comes before the guest's watchdog and
    #    the compiler's threads, and before the compiler reads the module.
    landlock = sandbox.no_files()
    # 4. Compile or load the module, check it, and limit memory and processes to what a guest may use.
    guest: PluginInstance
    if load["abi"] == "core":
        guest = OlderGuest(code, load, other.ask, parent, statm)
    else:
        guest = Guest(code, parts, load, other.ask, parent, schemas, statm, other.printed)
    # 5. seccomp, for all threads. Last, because mapping code as executable needs calls that it forbids. The
    #    plugin's own code has not run yet: a guest is instantiated by its first call.
    return guest, {"landlock": landlock, "seccomp": sandbox.few_calls()}


def _compiled(wasm: bytes, compile_: dict[str, Any], parent: int) -> bytearray:
    confine.limit_memory()
    sandbox.no_files()
    die_with(parent)
    return compiled_image(wasm, compile_["stack"], mapped=compile_["mapped"], target=compile_["target"])


def _inspected(other: _Parent, inspect: dict[str, Any], parent: int) -> dict[str, Any]:
    from tarkpm.host.worker import surface  # only inspection needs it

    code = other.code(inspect["code"])
    confine.limit_memory()
    sandbox.no_files()
    die_with(parent)
    form, stack, parts = inspect["code"], inspect["stack"], inspect["parts"]
    return surface.read(code, form, stack, parts=parts, is_core=inspect["core"])
