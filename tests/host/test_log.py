"""A plugin's messages cannot forge, hide or flood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.text import neutral
from tarkpm.host.imports.log import MAX_MESSAGE, Log, LogLine
from tarkpm.host.limits import Limits, size


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 日本 🎈", "plain ü 日本 🎈"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("one\ntwo\r\n[error] forged", r"one\ntwo\r\n[error] forged"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028sep\x85", r"line\u2028sep\x85"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("tag\U000e0041", r"tag\U000e0041"),
    ],
)
def test_what_is_not_printable_is_spelled_out(text: str, shown: str) -> None:
    assert neutral(text) == shown


@given(st.text())
def test_the_outcome_is_always_printable(text: str) -> None:
    assert neutral(text).isprintable()
    assert set("".join(neutral(text, keep="\n\t").splitlines())) >= set()
    assert neutral(neutral(text)) == neutral(text)


def test_a_long_message_is_cut_and_says_so() -> None:
    lines: list[LogLine] = []
    Log("p", lines.append, Limits()).call("warn", ("x" * (MAX_MESSAGE + 1000),), 0)
    assert lines == [LogLine("p", "warn", "x" * MAX_MESSAGE + "… (1,000 characters more)")]


def test_the_text_of_one_call_is_limited_and_the_next_call_starts_anew() -> None:
    lines: list[LogLine] = []
    log = Log("p", lines.append, Limits(log_text=100))
    for _ in range(2):
        log.begin()
        for _ in range(5):
            log.call("info", ("x" * 40,), 0)
    dropped = LogLine("p", "warn", "logged too much in one call; the rest is dropped", by_host=True)
    once = [LogLine("p", "info", "x" * 40)] * 2 + [dropped]
    assert lines == once * 2


def test_sizes_as_people_say_them() -> None:
    assert [size(n) for n in (700, 1024, 1 << 20, 256 << 20, 1025)] == [
        "700 bytes", "1 KiB", "1 MiB", "256 MiB", "1,025 bytes"
    ]  # fmt: skip
