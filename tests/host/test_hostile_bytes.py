"""Whatever bytes a worker sends, they end in one of the known ways."""

import contextlib
import json
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import many

from tarkpm.core.capability import CapabilitySet
from tarkpm.errors import LimitReached
from tarkpm.host.gate import Gate
from tarkpm.host.ipc import frames
from tarkpm.host.ipc.conversation import Conversation, Reported
from tarkpm.host.ipc.decoding import ProtocolError
from tarkpm.host.limits import Limits
from tarkpm.host.results import ToolResult

LIMITS = Limits(seconds=0.5, load_seconds=1.0, host_calls=50)


class _Wire:
    """Stands for a process that has sent ``data`` and will send no more, but still listens."""

    def __init__(self, data: bytes) -> None:
        self.socket, self.theirs = socket.socketpair()
        self.theirs.sendall(data)
        self.theirs.shutdown(socket.SHUT_WR)


def _frame(kind: int, payload: bytes, tail: bytes = b"") -> bytes:
    return frames.header(kind, len(payload), len(tail)) + payload + tail


def _message(kind: int, value: object, tail: bytes = b"") -> bytes:
    return _frame(kind, json.dumps(value).encode(), tail)


_KINDS = st.sampled_from(
    [frames.HELLO, frames.LOADED, frames.HOST_CALL, frames.RETURN, frames.FAIL, frames.PRINTED]
)
_TEXT = st.text(max_size=8) | st.sampled_from(["\0", "\x000", "\x001", "\0-1", "log", "info"])
_KEYS = st.sampled_from(
    ["interface", "function", "args", "value", "kind", "message", "version", "texts", "success", "output"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_TAIL = st.binary(max_size=9)
_ASKED = st.fixed_dictionaries(
    {"interface": st.just("log"), "function": st.just("info"), "args": st.lists(_TEXT, max_size=2)},
    optional={"texts": st.lists(st.integers(-2, 9), max_size=3)},
)
_RETURNED = st.fixed_dictionaries(
    {"value": _JSON}, optional={"texts": st.lists(st.integers(-2, 9), max_size=3)}
)


@given(
    st.binary(max_size=300)
    | st.lists(st.builds(_frame, _KINDS, st.binary(max_size=60), _TAIL)).map(b"".join)
    | st.lists(st.builds(_message, _KINDS, _JSON, _TAIL)).map(b"".join)
    | st.lists(
        st.builds(_message, st.just(frames.HOST_CALL), _ASKED, _TAIL)
        | st.builds(_message, st.just(frames.RETURN), _RETURNED, _TAIL)
    ).map(b"".join),
    st.sampled_from(["greet", "call"]),
)
@settings(max_examples=many(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_end_in_one_of_the_known_ways(data: bytes, doing: str) -> None:
    wire = _Wire(data)
    reported: list[str] = []
    gate = Gate(CapabilitySet(), {"log": _Deaf()}, reported.append, calls=10)
    conversation = Conversation(wire, LIMITS, gate)  # type: ignore[arg-type]  # only its socket is used
    deadline = time.monotonic() + 5
    known = contextlib.suppress(ProtocolError, frames.FrameError, EOFError, LimitReached, Reported)
    with wire.theirs, wire.socket, known:
        if doing == "greet":
            conversation.greet(deadline)
        else:
            conversation.call("execute", ["x", "y"], 1.0, ToolResult, deadline)


class _Deaf:
    """A log that only checks that it was given text."""

    def call(self, function: str, args: tuple[object, ...], deadline: float) -> None:
        assert all(isinstance(arg, str) for arg in args)

    def close(self) -> None:
        pass


@given(_JSON | st.lists(st.text(min_size=frames.LONG, max_size=frames.LONG + 2), max_size=2))
@settings(deadline=None)
def test_any_json_travels_unchanged(value: object) -> None:
    sent = frames.Texts()
    payload = json.dumps(sent.hoisted(value))
    assert frames.Texts(sent.lengths, sent.tail).lowered(json.loads(payload)) == value


def test_a_text_is_there_once() -> None:
    texts = frames.Texts([1], b"x")
    assert texts.lowered("\x000") == "x"
    with pytest.raises(frames.FrameError, match=r"^a reference to a text that is not in its tail$"):
        texts.lowered("\x000")
