"""A worker that is not what it should be: whatever it sends or fails to send is one typed error in time."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

import pytest

from tarkpm.errors import HostError, LimitReached, PluginCrashed
from tarkpm.host.ipc import frames
from tarkpm.host.ipc.frame_socket import FrameSocket
from tarkpm.host.limits import Limits
from tarkpm.host.process import AnyProcess, Process, Start, start
from tarkpm.host.runtime import PluginImage
from tarkpm.host.worker.engine import Failure
from tarkpm.host.worker.loop import _Parent
from tarkpm.host.worker_handle import Worker

from .test_lifetime import is_gone

LIMITS = Limits(seconds=30, load_seconds=30, host_calls=50)
SHORT_LOAD = Limits(seconds=30, load_seconds=1.0)
SHORT_CALL = Limits(seconds=0.5, load_seconds=30)

PRELUDE = """
import os, struct, sys, time
def send(kind, payload=b"{}", length=None, tail=b""):
    os.write(3, struct.pack(">IBI", len(payload) if length is None else length, kind, len(tail)) + payload + tail)
def exactly(n):
    while n: n -= len(os.read(3, n) or sys.exit(0))
def drain():
    head = os.read(3, 9) or sys.exit(0)
    length, _, tail = struct.unpack(">IBI", head)
    exactly(length + tail)
HELLO, LOADED, HOST_CALL, RETURN, FAIL, PRINTED = 1, 2, 3, 4, 5, 8
ask = b'{"interface":"log","function":"info","args":["x"]}'
now = b'{"interface":"clock","function":"now","args":[]}'
"""
LOADED = PRELUDE + "send(HELLO, b'{\"version\":3}'); drain(); drain(); send(LOADED)\n"

AT_START = {
    "exits": ("pass", "the plugin's worker ended with status 0"),
    "fails": ("sys.exit('no luck')", "the plugin's worker ended with status 1: no luck"),
    "escapes": ("sys.exit('\\x1b[2Jgone')", "the plugin's worker ended with status 1: \\x1b[2Jgone"),
    "of another version": (
        "send(HELLO, b'{\"version\":2}')",
        "the plugin's worker sent a greeting of version 2, expected 3",
    ),
    "unknown kind": ("send(99)", "the plugin's worker sent a frame of unknown kind 99"),
    "a parent's kind": ("send(17)", "the plugin's worker sent a frame of unknown kind 17"),
    "too long": (
        "send(HELLO, length=1 << 31)",
        "the plugin's worker sent a frame of kind 1 with 2,147,483,648 bytes, the limit is 256",
    ),
    "no JSON": ("send(HELLO, b'hi')", "the plugin's worker sent an invalid Hello"),
    "no UTF-8": ("send(HELLO, b'\"\\xff\"')", "the plugin's worker sent an invalid Hello"),
    "more than is asked": (
        'send(HELLO, b\'{"version":3,"x":1}\')',
        "the plugin's worker sent an invalid Hello",
    ),
    "a result before any call": (
        "send(RETURN, b'{\"value\":1}')",
        "the plugin's worker sent a frame of kind 4, expected 1",
    ),
    "output before it is loaded": (
        'send(PRINTED, b\'{"stream":"stdout","text":""}\')',
        "the plugin's worker sent a frame of kind 8, expected 1",
    ),
    "a host call before it is loaded": (
        "send(HOST_CALL, ask)",
        "the plugin's worker sent a frame of kind 3, expected 1",
    ),
}

IN_A_CALL = {
    "output without end": (
        'while True: send(PRINTED, b\'{"stream":"stderr","text":""}\')',
        "the plugin's worker sent more printed text than a call may have",
    ),
    "much output": (
        'while True: send(PRINTED, b\'{"stream":"stdout","text":"\' + b\'x\' * 100000 + b\'"}\')',
        "the plugin's worker sent more printed text than a call may have",
    ),
    "output of an unknown stream": (
        'send(PRINTED, b\'{"stream":"tty","text":""}\')',
        "the plugin's worker sent an invalid Printed",
    ),
    "exits": ("pass", "the plugin's worker ended with status 0"),
    "another's result": (
        "send(RETURN, b'{\"value\":{}}')",
        "the plugin's worker sent an invalid ToolResult",
    ),
    "of another type": (
        'send(RETURN, b\'{"value":{"success":"yes","output":"","error":null}}\')',
        "the plugin's worker sent an invalid ToolResult",
    ),
    "deep": (
        "send(RETURN, b'{\"value\":' + b'[' * 90000)",
        "the plugin's worker sent an invalid Return",
    ),
    "an unknown failure": (
        'send(FAIL, b\'{"kind":"sorry","message":""}\')',
        "the plugin's worker sent an invalid Fail",
    ),
    "an unknown interface": (
        'send(HOST_CALL, b\'{"interface":"sockets","function":"open","args":["id"]}\')',
        "the plugin's worker sent a call to an unknown host function",
    ),
    "an unknown function": (
        'send(HOST_CALL, b\'{"interface":"storage","function":"close","args":[]}\')',
        "the plugin's worker sent a call to an unknown host function",
    ),
    "wrong arguments": (
        'send(HOST_CALL, b\'{"interface":"log","function":"info","args":["a","b"]}\')',
        "the plugin's worker sent arguments that do not match log.info",
    ),
    "deep arguments": (
        'send(HOST_CALL, b\'{"interface":"log","function":"info","args":\' + b"[" * 90000 + b"]}")',
        "the plugin's worker sent an invalid HostCall",
    ),
    "arguments that are no text": (
        'send(HOST_CALL, b\'{"interface":"log","function":"info","args":["\\xff"]}\')',
        "the plugin's worker sent arguments that do not match log.info",
    ),
    "half a surrogate pair": (
        'send(HOST_CALL, b\'{"interface":"log","function":"info","args":["\\\\ud800......"]}\')',
        "the plugin's worker sent an invalid HostCall",
    ),
    "a failure that is no text": (
        'send(FAIL, b\'{"kind":"trap","message":"\\xff"}\')',
        "the plugin's worker sent an invalid Fail",
    ),
    "a result that is no text": (
        'send(RETURN, b\'{"value":{"success":true,"output":"\\xff","error":null}}\')',
        "the plugin's worker sent an invalid ToolResult",
    ),
    "a tail that is longer than it says": (
        'send(RETURN, b\'{"value":"\\\\u00000","texts":[1]}\', tail=b"xx")',
        "the plugin's worker sent a tail whose length does not match its texts",
    ),
    "a tail nobody spoke of": (
        'send(RETURN, b\'{"value":{"success":true,"output":"","error":null}}\', tail=b"xx")',
        "the plugin's worker sent a tail whose length does not match its texts",
    ),
    "texts of negative length": (
        'send(RETURN, b\'{"value":"\\\\u00000","texts":[3,-1]}\', tail=b"xx")',
        "the plugin's worker sent a tail whose length does not match its texts",
    ),
    "one text twice": (
        'send(RETURN, b\'{"value":["\\\\u00000","\\\\u00000"],"texts":[2]}\', tail=b"xx")',
        "the plugin's worker sent a reference to a text that is not in its tail",
    ),
    "a text that is not there": (
        'send(HOST_CALL, b\'{"interface":"log","function":"info","args":["\\\\u00007"],"texts":[2]}\', tail=b"xx")',
        "the plugin's worker sent a reference to a text that is not in its tail",
    ),
    "a tail that is no text": (
        'send(RETURN, b\'{"value":"\\\\u00000","texts":[1]}\', tail=b"\\xff")',
        "the plugin's worker sent an invalid ToolResult",
    ),
    "a tail of another type": (
        'send(RETURN, b\'{"value":{"success":"\\\\u00000","output":"","error":null},"texts":[1]}\', tail=b"x")',
        "the plugin's worker sent an invalid ToolResult",
    ),
    "SEGV": ("os.kill(os.getpid(), 11)", "the plugin's worker was killed by SIGSEGV"),
    "ABRT": (
        "print('!', file=sys.stderr, flush=True); os.abort()",
        "the plugin's worker was killed by SIGABRT: !",
    ),
}


class Fake(Process):
    """A process that runs ``script`` where a worker would be, and is used even if the script is over by then."""

    ended = False

    def __init__(self, script: str) -> None:
        super().__init__(["-I", "-c", script])


def first(script: str) -> Start:
    """Start a process that runs this script, then real workers."""
    scripts = [script]

    def starting(*, schemas: bool = False) -> AnyProcess:
        return Fake(scripts.pop()) if scripts else start(schemas=schemas)

    return starting


def outcome(image: PluginImage, script: str, limits: Limits = LIMITS) -> HostError:
    """The error of one call; afterwards a real worker must serve the next."""
    from tarkpm.host.runtime import ToolResult

    worker = Worker(image, limits, lambda line: None, start=first(script))
    try:
        start = time.monotonic()
        with pytest.raises(HostError) as caught:
            worker.call("execute", ["echo", "x"], ToolResult)
        assert time.monotonic() - start < 9  # the scripts sleep as long, or longer
        worker._limits = LIMITS  # an interpreter needs more than a second to start on a busy machine
        assert worker.call("execute", ["echo", "on"], ToolResult).output == "on"
    finally:
        worker.close()
    return caught.value


@pytest.mark.parametrize("case", AT_START)
def test_at_the_start(case: str, hostile: PluginImage) -> None:
    script, sentence = AT_START[case]
    error = outcome(hostile, PRELUDE + script)
    assert (type(error), error.message, error.where) == (PluginCrashed, sentence, "hostile")


@pytest.mark.parametrize("case", IN_A_CALL)
def test_in_a_call(case: str, hostile: PluginImage) -> None:
    script, sentence = IN_A_CALL[case]
    wait = "" if case == "exits" else "\ndrain(); time.sleep(9)"
    error = outcome(hostile, LOADED + "drain()\n" + script + wait)
    assert (type(error), error.message) == (PluginCrashed, sentence)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("time.sleep(60)", "the plugin took longer than 1 s to load"),
        ("os.write(3, b'\\0\\0')\ntime.sleep(60)", "the plugin took longer than 1 s to load"),
        (
            "\nfor b in struct.pack('>IBI', 200, 1, 0) + bytes(200): os.write(3, bytes([b])); time.sleep(.05)",
            "the plugin took longer than 1 s to load",
        ),
        ("send(HELLO, b'{\"version\":3}'); time.sleep(60)", "the plugin took longer than 1 s to load"),
    ],
    ids=["silent", "half a header", "a byte at a time", "never loaded"],
)
def test_one_that_does_not_answer_while_loading(hostile: PluginImage, script: str, sentence: str) -> None:
    error = outcome(hostile, PRELUDE + script, SHORT_LOAD)
    assert (type(error), error.message) == (LimitReached, sentence)


def test_one_that_never_returns(hostile: PluginImage) -> None:
    error = outcome(hostile, LOADED + "time.sleep(60)", SHORT_CALL)
    assert (type(error), error.message) == (LimitReached, "the plugin ran longer than 0.5 s")


@pytest.mark.parametrize(
    ("asks", "answers"),
    [("now", "drain()"), ("now", "pass"), ("ask", "pass")],
    ids=["reading", "not reading", "telling"],
)
def test_one_that_asks_for_ever(hostile: PluginImage, asks: str, answers: str) -> None:
    error = outcome(hostile, LOADED + f"\nwhile True: send(HOST_CALL, {asks}); {answers}")
    assert (type(error), error.message) == (
        LimitReached,
        "the plugin made more than 50 host calls in one call",
    )


def test_what_is_only_told_is_not_answered(hostile: PluginImage) -> None:
    script = LOADED + "\ndrain(); send(HOST_CALL, ask)\nsys.exit('answered' if os.read(3, 1) else 'not')"
    error = outcome(hostile, script, SHORT_CALL)
    assert (type(error), error.message) == (LimitReached, "the plugin ran longer than 0.5 s")


def test_one_that_writes_its_standard_error_full(hostile: PluginImage) -> None:
    script = PRELUDE + "\ntry:\n  while True: os.write(2, b'x' * 4096)\nexcept BlockingIOError: sys.exit(7)"
    assert outcome(hostile, script).message.startswith("the plugin's worker ended with status 7: xxx")


def test_out_of_memory_in_native_code_is_told_apart(hostile: PluginImage) -> None:
    script = LOADED + "print('memory allocation of 9 bytes failed', file=sys.stderr, flush=True); os.abort()"
    error = outcome(hostile, script)
    assert (type(error), error.message) == (LimitReached, "the plugin used more than 256 MiB of memory")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_killed_in_the_middle_of_a_call(hostile: PluginImage, number: signal.Signals) -> None:
    worker = Worker(hostile, Limits(seconds=5), lambda line: None)
    try:
        worker.load()
        assert worker.pid is not None
        timer = threading.Timer(0.2, os.kill, (worker.pid, number))
        timer.start()
        with pytest.raises(PluginCrashed) as caught:
            worker.call("execute", ["spin", ""], dict)
        timer.join()
        assert caught.value.message == f"the plugin's worker was killed by {number.name}"
        assert worker.call("execute", ["echo", "on"], dict)["output"] == "on"
    finally:
        worker.close()


def test_killed_between_calls_goes_unnoticed(hostile: PluginImage) -> None:
    worker = Worker(hostile, Limits(), lambda line: None)
    try:
        worker.load()
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        assert is_gone(worker.pid)
        assert worker.call("execute", ["echo", "on"], dict)["output"] == "on"
    finally:
        worker.close()


def test_stopped(hostile: PluginImage) -> None:
    worker = Worker(hostile, Limits(seconds=1), lambda line: None)
    try:
        worker.load()
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(LimitReached, match=r"^the plugin ran longer than 1 s$"):
            worker.call("execute", ["echo", ""], dict)
        assert worker.call("execute", ["echo", "on"], dict)["output"] == "on"
    finally:
        worker.close()


def test_no_interpreter(hostile: PluginImage, monkeypatch: pytest.MonkeyPatch) -> None:
    for executable, sentence in [
        ("/nowhere/python", "cannot start a worker: No such file or directory"),
        ("", "cannot start a worker: the path of the Python interpreter is unknown"),
    ]:
        monkeypatch.setattr(sys, "executable", executable)
        worker = Worker(hostile, Limits(), lambda line: None)
        with pytest.raises(HostError) as caught:
            worker.load()
        assert caught.value.message == sentence
        worker.close()


def test_a_channel_past_its_deadline_does_not_touch_the_socket() -> None:
    one, other = socket.socketpair()
    with one, other:
        channel = FrameSocket(one, {})
        actions: list[Callable[[], object]] = [
            lambda: channel.send(frames.CALL, b"{}", time.monotonic() - 1),
            lambda: channel.receive(time.monotonic() - 1),
        ]
        for action in actions:
            with pytest.raises(TimeoutError):
                action()
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(1)


@pytest.mark.parametrize(
    ("function", "script"),
    [
        (
            "execute",
            """send(RETURN, b'{"value":{"success":true,"output":"\\\\u00000","error":null},"texts":[%d]}' % SIZE,
            tail=b'x' * SIZE)""",
        ),
        (
            "models",
            "send(RETURN, b'{\"value\":[' + b','.join([b'\"' + b'x,[{' * 25 + b'\"'] * 80_000) + b']}')",
        ),
    ],
    ids=["a long text", "many short texts"],
)
def test_what_is_long_and_allowed_is_taken(hostile: PluginImage, function: str, script: str) -> None:
    """All text of an answer may have 8 MiB; commas and brackets inside of it are not values."""
    script = f"SIZE = {Limits().output}\n{LOADED}drain()\n{script}\ntime.sleep(9)"
    worker = Worker(hostile, Limits(), lambda line: None, start=first(script))
    try:
        if function == "models":
            assert worker.call(function, [], list[str]) == ["x,[{" * 25] * 80_000
        else:
            assert worker.call(function, ["", ""], dict)["output"] == "x" * Limits().output
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("function", "value"),
    [("models", [""] * 200_000), ("execute", {"success": True, "output": "\0" * 200_000, "error": None})],
    ids=["values", "length"],
)
def test_an_honest_worker_says_that_an_answer_is_too_much(function: str, value: object) -> None:
    """The parent would take the frame for an attack."""
    one, other = socket.socketpair()
    with one, other, pytest.raises(Failure) as caught:
        _Parent(one.fileno()).answer(function, value, frames.Texts(), Limits().output)
    assert caught.value.kind == "output"
