"""Do as the parent says: every LOAD and every CALL is answered exactly once."""

import json
import os
from typing import Any

from tarkpm.host.worker.frames import (
    BYTES,
    CALL,
    FAIL,
    HELLO,
    HOST_CALL,
    HOST_RESULT,
    LOAD,
    LOADED,
    RETURN,
    VERSION,
    Link,
)
from tarkpm.host.worker.guest import Failure, Guest

MAX_MESSAGE = 1_000


class _Parent:
    """The other end, as the guest sees it."""

    def __init__(self, fd: int) -> None:
        self.link = Link(fd)

    def tell(self, kind: int, document: Any) -> None:
        self.link.send(kind, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())

    def ask(self, interface: str, function: str, args: list[Any]) -> Any:
        """One host call. Called from inside wasmtime, which a lost parent must not unwind."""
        try:
            self.tell(HOST_CALL, {"interface": interface, "function": function, "args": args})
            kind, payload = self.link.receive()
        except (EOFError, OSError):
            os._exit(0)
        assert kind == HOST_RESULT
        return json.loads(payload)["value"]


def run(fd: int, parent: int) -> None:
    """Serve the socket ``fd`` of process ``parent`` until it is closed."""
    other = _Parent(fd)
    try:
        other.tell(HELLO, {"version": VERSION})
        _serve(other, parent)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _serve(other: _Parent, parent: int) -> None:
    guest: Guest | None = None
    while True:
        kind, payload = other.link.receive()
        try:
            if kind == LOAD:
                guest = _load(other, json.loads(payload), parent)
                answer: tuple[int, Any] = LOADED, {}
            else:
                assert kind == CALL
                assert guest is not None
                answer = RETURN, {"value": _call(guest, json.loads(payload))}
        except Failure as failure:
            answer = FAIL, {"kind": failure.kind, "message": failure.message[:MAX_MESSAGE]}
        other.tell(*answer)


def _load(other: _Parent, load: dict[str, Any], parent: int) -> Guest:
    kind, wasm = other.link.receive()
    assert kind == BYTES
    return Guest(bytes(wasm), load, other.ask, parent)


def _call(guest: Guest, call: dict[str, Any]) -> Any:
    return guest.call(call["function"], call["args"], call["seconds"])
