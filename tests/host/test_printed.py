"""What a plugin writes to its standard streams is logged, within limits and harmlessly."""

import os
from collections.abc import Callable, Iterator

import pytest
from support.printing import TRACEBACK, printing_tool

from tarkpm.errors import HostError, LimitReached, PluginCrashed, PluginFailed, PluginRaised
from tarkpm.host.imports.log import MAX_MESSAGE, Log, LogLine
from tarkpm.host.ipc import frames
from tarkpm.host.ipc.messages import Printed
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage
from tarkpm.host.worker.stdio import KEPT, LAST, Stdio

TOO_MUCH = "printed too much in one call; the rest is dropped"
HEAD = "Traceback (most recent call last):"
LOGGED = "logged too much in one call; the rest is dropped"


@pytest.fixture
def printing(image_of: Callable[..., PluginImage]) -> PluginImage:
    return image_of(printing_tool(), name="printing")


@pytest.fixture(params=[False, True], ids=["exec", "fork"])
def loud(request: pytest.FixtureRequest, lines: list[LogLine]) -> Iterator[PluginHost]:
    """A host whose workers are started in either way."""
    with PluginHost(Limits(seconds=2.0), lines.append, long_lived=request.param) as host:
        yield host


def printed(lines: list[LogLine], stream: str = "stderr") -> list[str]:
    return [line.message for line in lines if line.stream == stream]


def test_lines_are_logged_before_the_host_calls_that_follow(
    loud: PluginHost, printing: PluginImage, lines: list[LogLine]
) -> None:
    assert loud.call(printing, "echo", "one\ntwo").success
    assert lines == [
        LogLine("printing", "debug", "one", stream="stdout"),
        # a line that has no end yet is logged at the end of the call
        LogLine("printing", "info", r"one\ntwo"),
        LogLine("printing", "debug", "two", stream="stdout"),
    ]


def test_text_cannot_control_a_terminal(
    host: PluginHost, printing: PluginImage, lines: list[LogLine]
) -> None:
    host.call(printing, "echo", "\x1b[2J\u202e\r\x9b31m\n[tarkpm] x: y\n")
    assert printed(lines, "stdout") == [r"\x1b[2J\u202e\r\x9b31m", "[tarkpm] x: y"]


def test_bytes_that_are_not_utf_8_are_replaced(
    host: PluginHost, printing: PluginImage, lines: list[LogLine]
) -> None:
    with pytest.raises(PluginRaised):
        host.call(printing, "bad-pointer", "")
    assert printed(lines)[0] == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("api_key=hunter2hunter2 rest", "api_key=‹masked› rest"),
        ("https://me:hunter2@host/", "https://‹masked›@host/"),
        (
            f"{'x' * (MAX_MESSAGE - 9)} token=hunter2",
            f"{'x' * (MAX_MESSAGE - 9)} token=‹m… (6 characters more)",
        ),
    ],
)
def test_secrets_are_masked(
    host: PluginHost, printing: PluginImage, lines: list[LogLine], text: str, shown: str
) -> None:
    host.call(printing, "echo", f"{text}\n")
    assert printed(lines, "stdout") == [shown]


def test_a_long_line_is_cut(host: PluginHost, printing: PluginImage, lines: list[LogLine]) -> None:
    host.call(printing, "echo", "y" * 60_000)
    assert printed(lines, "stdout") == ["y" * MAX_MESSAGE + "… (8,192 characters more)"]


def test_many_lines_are_dropped_and_the_next_call_prints_again(
    host: PluginHost, printing: PluginImage, lines: list[LogLine]
) -> None:
    host.call(printing, "echo", "y\n" * 20_000)
    assert len(printed(lines, "stdout")) == 1_000
    assert [line.message for line in lines if line.by_host] == [LOGGED]
    lines.clear()
    host.call(printing, "echo", "again\n")
    assert printed(lines, "stdout") == ["again"]


@pytest.mark.parametrize("tool", ["spin", pytest.param("recurse", marks=pytest.mark.slow)])
def test_output_without_end_ends_at_the_deadline(
    printing: PluginImage, lines: list[LogLine], tool: str
) -> None:
    with PluginHost(Limits(seconds=2), lines.append) as host:
        host.load(printing)
        with pytest.raises(LimitReached) as caught:
            host.call(printing, tool, "no end " * 500)
        assert caught.value.message == "the plugin ran longer than 2 s"
        assert host.call(printing, "echo", "").success
    assert len([line for line in lines if line.by_host]) == 1
    assert sum(len(line.message) for line in lines) < 2 * KEPT


@pytest.mark.parametrize("tool", ["spin", pytest.param("recurse", marks=pytest.mark.slow)])
def test_the_beginning_of_endless_output_outlives_a_worker_that_is_killed(
    printing: PluginImage, lines: list[LogLine], monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    monkeypatch.setattr("tarkpm.host.worker_handle.MARGIN", -60.0)  # the guest is not interrupted in time
    with PluginHost(Limits(seconds=1), lines.append) as host:
        host.load(printing)
        with pytest.raises(LimitReached):
            host.call(printing, tool, "no end " * 500)
    (note,) = [line.message for line in lines if line.by_host]
    assert note in {TOO_MUCH, LOGGED}
    assert 1_000 < sum(len(line.message) for line in lines) < 2 * KEPT


def test_what_is_written_before_an_exit_is_logged(
    loud: PluginHost, printing: PluginImage, lines: list[LogLine]
) -> None:
    with pytest.raises(PluginFailed) as caught:
        loud.call(printing, "bad-utf8", "leaving")
    assert caught.value.message == "the plugin exited with status 1"
    assert printed(lines) == ["leaving"]


def test_an_exception_is_read_from_the_end_of_a_flood(
    loud: PluginHost, printing: PluginImage, lines: list[LogLine]
) -> None:
    with pytest.raises(PluginRaised) as caught:
        loud.call(printing, "trap", "noise\n" * 50_000 + TRACEBACK)
    assert (caught.value.exception, caught.value.where) == ("ValueError: bad text", "printing")
    assert caught.value.message == 'raised "ValueError: bad text"'
    assert caught.value.traceback == TRACEBACK.rstrip()
    assert {line.message for line in lines if line.by_host} <= {TOO_MUCH, LOGGED}


def test_a_trap_of_a_silent_plugin_stays_a_trap(loud: PluginHost, printing: PluginImage) -> None:
    with pytest.raises(PluginRaised):
        loud.call(printing, "trap", TRACEBACK)
    # what was written in the call before explains nothing
    with pytest.raises(PluginCrashed) as caught:
        loud.call(printing, "trap", "something else")
    assert caught.value.message == "the plugin trapped: wasm `unreachable` instruction executed"


def test_nothing_is_written_to_this_process(capfd: pytest.CaptureFixture[str], printing: PluginImage) -> None:
    with PluginHost() as host:
        host.call(printing, "echo", "out")
        with pytest.raises(HostError):
            host.call(printing, "trap", "err")
    assert capfd.readouterr() == ("", "")


# What a worker keeps


def test_random_bytes_stay_within_what_the_parent_takes() -> None:
    printed = Stdio()
    for number in range(2_000):
        printed.write(("stdout", "stderr")[number % 2], os.urandom(500))
    parts = [*printed.take(), *printed.finish()]
    assert sum(len(text.encode()) + frames.PART for _, text, _ in parts) <= frames.MAX_PRINTED
    assert printed.finish() == []


def test_one_byte_at_a_time_to_either_stream_makes_few_parts() -> None:
    printed = Stdio()
    for _ in range(KEPT):
        printed.write("stdout", b"x")
        printed.write("stderr", b"x")
    assert len(printed.take()) <= KEPT // frames.PART


def test_a_character_may_be_written_in_two_parts() -> None:
    printed = Stdio()
    printed.write("stdout", "ü".encode()[:1])
    assert [text for _, text, _ in printed.take()] == [""]
    printed.write("stdout", "ü".encode()[1:])
    assert printed.finish() == [("stdout", "ü", 0)]


def test_the_last_of_standard_error_is_kept() -> None:
    printed = Stdio()
    printed.write("stderr", b"a" * KEPT)
    printed.write("stdout", b"b" * KEPT)
    printed.write("stderr", b"c" * LAST)
    *_, (stream, text, dropped) = printed.finish()
    assert (stream, text) == ("stderr", "c" * LAST)
    assert dropped == KEPT + frames.PART


def test_the_first_loss_is_sent_at_once() -> None:
    sent: list[tuple[str, str, int]] = []
    stdio = Stdio(lambda: sent.extend(stdio.spill()))
    stdio.write("stderr", b"a" * KEPT)
    stdio.write("stderr", b"b" * (LAST - frames.PART))
    assert sent == []  # nothing is lost so far
    for _ in range(3):
        stdio.write("stderr", b"c")
    assert [(len(text), dropped) for _, text, dropped in sent] == [(KEPT - frames.PART, 0), (0, 1)]
    assert stdio.finish()[-1][2] == 3
    stdio.write("stdout", b"d" * KEPT)  # in the next call
    assert len(sent) == 4


@pytest.mark.parametrize(
    ("said", "raised", "reported"),
    [
        (f"{HEAD}\n  File\nE: 1\n", True, 3),
        (f"{HEAD}\n  File\nE: 1\n", False, 0),
        (f"{HEAD}\nE: 1\nwent on\n{HEAD}\nE: 2\n\nthread 'x' (1) panicked at a:\nPython\n", True, 5),
        (f"{HEAD}\nE: 1\n\nDuring handling of the above exception, another exception occurred:\n\n{HEAD}\nE: 2\n", True, 7),
        ("words\n\nthread 'x' (1) panicked at a:\nFailed", True, 3),
        (f"{HEAD}\nE: 1\n", None, 0),
    ],
)  # fmt: skip
def test_lines_about_the_exception_that_ended_the_call_are_marked(
    said: str, raised: bool | None, reported: int
) -> None:
    """Whoever shows the exception does not show them again; all lines keep their order."""
    lines: list[LogLine] = []
    log = Log("p", lines.append, Limits())
    for text in (said[:7], said[7:]):
        log.printed(Printed("stderr", text))
    if raised is None:  # it was caught: the plugin goes on
        log.printed(Printed("stdout", "more\n"))
    log.finish(raised=bool(raised))
    assert [line.message for line in lines if line.stream == "stderr"] == said.rstrip("\n").split("\n")
    assert [line.reported for line in lines].count(True) == reported
    assert not any(line.reported for line in lines[: len(lines) - reported])
