"""A plugin that spins, traps, eats memory or floods: one typed error in time, and the next call works."""

import re
import time
from collections.abc import Callable

import pytest
from support import wat

from tarkpm.core.capability import CapabilitySet
from tarkpm.errors import HostError, LimitReached, PluginCrashed, PluginFailed
from tarkpm.host.imports.log import LogLine
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage
from tarkpm.host.worker_handle import Worker

pytestmark = pytest.mark.usefixtures("forked")

ImageOf = Callable[..., PluginImage]

OUTCOMES = {
    "spin": (LimitReached, "the plugin ran longer than 0.4 s"),
    "trap": (PluginCrashed, "the plugin trapped: wasm `unreachable` instruction executed"),
    "grow": (LimitReached, "the plugin used more than 256 MiB of memory"),
    "bad-utf8": (PluginCrashed, "the plugin trapped: invalid utf-8 sequence of 1 bytes from index 0"),
    "recurse": (LimitReached, "the plugin used more than 1 MiB of stack"),
    "log-flood": (LimitReached, "the plugin made more than 500 host calls in one call"),
    "huge-output": (LimitReached, "the plugin passed more than 8 MiB of text at once"),
    "bad-pointer": (PluginCrashed, "the plugin trapped: string pointer/length out of bounds of memory"),
}


def test_every_hostile_tool_has_an_outcome_here() -> None:
    assert OUTCOMES.keys() | {"echo", "many-calls"} == set(wat.HOSTILE_TOOLS)


@pytest.mark.parametrize("tool", OUTCOMES)
def test_one_typed_error_then_the_next_call_works(tool: str, hostile: PluginImage) -> None:
    kind, sentence = OUTCOMES[tool]
    seconds = 0.4 if tool == "spin" else 30.0
    with PluginHost(Limits(seconds=seconds, host_calls=500)) as host:
        host.call(hostile, "echo", "")
        start = time.monotonic()
        with pytest.raises(HostError) as caught:
            host.call(hostile, tool, "")
        assert time.monotonic() - start < 5  # soon, also on a busy machine
        assert type(caught.value) is kind
        assert (caught.value.message, caught.value.where) == (sentence, "hostile")
        assert host.call(hostile, "echo", "on").output == "on"


@pytest.mark.parametrize("tool", ["spin", "trap", "bad-utf8", "recurse", "huge-output", "bad-pointer"])
def test_an_orderly_failure_spares_the_process(tool: str, hostile: PluginImage) -> None:
    # A guest is interrupted a tenth of its time before its process is ended: 0.25 s, for a busy machine.
    worker = Worker(hostile, Limits(seconds=2.5 if tool == "spin" else 30), lambda line: None)
    try:
        worker.load()
        pid = worker.pid
        for _ in range(1 if tool == "spin" else 2):
            with pytest.raises(HostError):
                worker.call("execute", [tool, ""], dict)
            assert worker.call("execute", ["echo", "on"], dict)["output"] == "on"
        assert worker.pid == pid
    finally:
        worker.close()


def test_memory_is_given_back_after_each_failure(hostile: PluginImage) -> None:
    with PluginHost(Limits(memory=64 << 20)) as host:
        for _ in range(4):
            with pytest.raises(LimitReached, match=r"^the plugin used more than 64 MiB of memory$"):
                host.call(hostile, "grow", "")
        assert host.call(hostile, "echo", "on").output == "on"


def test_the_memory_limit_holds(hostile: PluginImage) -> None:
    # huge-output needs 40 MiB and traps when it does not get them
    with (
        PluginHost(Limits(memory=16 << 20)) as host,
        pytest.raises(LimitReached, match=r"^the plugin used more than 16 MiB of mem"),
    ):
        host.call(hostile, "huge-output", "")
    with PluginHost(Limits(output=64 << 20)) as host:
        assert len(host.call(hostile, "huge-output", "").output) == wat.HUGE_OUTPUT


@pytest.mark.parametrize("count", [1_000_000, 10_000_000])
def test_a_list_far_bigger_for_the_host_than_for_the_guest(count: int, image_of: ImageOf) -> None:
    """24 bytes of guest memory for each tool-def become a kilobyte here."""
    bomb = f"""(func (export "get-tools") (result i32)
        (drop (memory.grow (i32.const 3900)))
        (i32.store (i32.const 1016) (i32.const 65536)) (i32.store (i32.const 1020) (i32.const {count}))
        (return (i32.const 1016))"""
    text = re.sub(r'\(func \(export "get-tools"\) \(result i32\)', bomb, wat._hostile_text(), count=1)
    worker = Worker(image_of(wat.assemble(text)), Limits(), lambda line: None)
    try:
        with pytest.raises(LimitReached) as caught:
            worker.call("get-tools", [], list)
        assert caught.value.message == "the plugin used more than 256 MiB of memory"
        assert worker.call("get-risk-level", ["on"], str) == "read-only"
    finally:
        worker.close()


def test_a_flood_of_writes_ends_at_a_quota_or_the_limit(hostile: PluginImage) -> None:
    with PluginHost(Limits(seconds=5, host_calls=100)) as host:
        with pytest.raises(LimitReached) as caught:
            host.call(hostile, "many-calls", "value")
        assert caught.value.message == "the plugin made more than 100 host calls in one call"
        assert host.call(hostile, "echo", "on").output == "on"


def test_a_flood_of_refused_calls_is_limited_too(image_of: ImageOf) -> None:
    image = image_of(wat.lenient_tool(), granted=CapabilitySet())
    with PluginHost(Limits(host_calls=1_000)) as host, pytest.raises(LimitReached, match="1,000 host calls"):
        host.call(image, "many-calls", "value")


def test_a_flood_of_messages_is_cut_and_says_so_once(hostile: PluginImage) -> None:
    lines: list[LogLine] = []
    with (
        PluginHost(Limits(host_calls=200, log_messages=10), lines.append) as host,
        pytest.raises(LimitReached),
    ):
        host.call(hostile, "log-flood", "spam")
    assert [line.message for line in lines[:10]] == ["spam"] * 10
    assert lines[10:] == [
        LogLine("hostile", "warn", "logged too much in one call; the rest is dropped", by_host=True)
    ]


def test_one_huge_host_call_is_refused_in_the_worker(hostile: PluginImage) -> None:
    limits = Limits(arguments=4 << 20, output=1 << 20)
    with PluginHost(limits) as host, pytest.raises(LimitReached) as caught:
        host.call(hostile, "echo", "x" * (2 << 20))
    assert caught.value.message == "the plugin passed more than 1 MiB of text at once"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ec\\1bo", "the plugin has a tool with an invalid name: 'ec\\\\x1bo'"),
        ("spin", "the plugin has two tools with the same name"),
    ],
)
def test_tool_names_that_cannot_be_shown_or_told_apart(image_of: ImageOf, name: str, sentence: str) -> None:
    text = wat._hostile_text().replace('"echospin', f'"{name}spin')
    with PluginHost() as host:
        with pytest.raises(PluginFailed) as caught:
            host.tools(image_of(wat.assemble(text)))
        assert caught.value.message == sentence


def test_a_start_function_that_never_ends(image_of: ImageOf) -> None:
    text = wat._hostile_text().replace(
        "(func $forever", "(func $at_start (loop $l (br $l))) (start $at_start)\n    (func $forever", 1
    )
    with (
        PluginHost(Limits(seconds=0.3)) as host,
        pytest.raises(LimitReached, match=r"^the plugin ran longer than 0\.3 s$"),
    ):
        host.tools(image_of(wat.assemble(text)))


def test_the_guest_keeps_its_state_between_calls_but_not_after_a_failure(image_of: ImageOf) -> None:
    text = wat._hostile_text().replace(
        '(func (export "get-risk-level") (param i32 i32) (result i32) (i32.const 0))',
        """(func (export "get-risk-level") (param i32 i32) (result i32)
             (i32.store8 (i32.const 900) (i32.add (i32.load8_u (i32.const 900)) (i32.const 1)))
             (i32.sub (i32.load8_u (i32.const 900)) (i32.const 1)))""",
    )
    worker = Worker(image_of(wat.assemble(text)), Limits(), lambda line: None)
    try:
        levels = [worker.call("get-risk-level", ["x"], str) for _ in range(4)]
        assert levels == ["read-only", "write", "risky", "dangerous"]
        with pytest.raises(PluginCrashed):  # no fifth level
            worker.call("get-risk-level", ["x"], str)
        assert worker.call("get-risk-level", ["x"], str) == "read-only"
    finally:
        worker.close()
