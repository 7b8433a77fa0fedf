"""The exception of a plugin, as its runtime wrote it to standard error before it trapped."""

import time

import pytest

from tarkpm.core.text import neutral
from tarkpm.host.exceptions import MAX_SUMMARY, MAX_TRACEBACK, Raised, raised

NOTE = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n"
PYTHON_PANIC = (
    "\nthread '<unnamed>' (1) panicked at runtime/src/lib.rs:1280:25:\n"
    f"Python function threw an unexpected exception\n{NOTE}"
)
SHOWN = 'Traceback (most recent call last):\n  File "fault.py", line 16, in execute\n'
FRAMES = 'Traceback (most recent call last):\n  File "/0/fault.py", line 16, in execute\n'
CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
JS_PANIC = "\nthread '<unnamed>' (1) panicked at crates/runtime/src/interpreter.rs:51:31:\nFailed to call 'execute': "


def js(value: str) -> str:
    return f"{JS_PANIC}{value}\n{NOTE}"


@pytest.mark.parametrize(
    ("said", "summary", "traceback"),
    [
        (f"{FRAMES}ValueError: bad text\n{PYTHON_PANIC}", "ValueError: bad text", f"{SHOWN}ValueError: bad text"),
        (f"{FRAMES}ValueError: bad text\n", "ValueError: bad text", f"{SHOWN}ValueError: bad text"),
        (f"{FRAMES}RuntimeError: and\n  then\nthis\n{PYTHON_PANIC}", "RuntimeError: and then this", None),
        (
            f"{FRAMES}KeyError: 1\n{CAUSED}{FRAMES}ValueError: two\n{PYTHON_PANIC}",
            "ValueError: two",
            f"{SHOWN}KeyError: 1\n{CAUSED}{SHOWN}ValueError: two",
        ),
        # one that the plugin had printed itself, and caught
        (
            f"{FRAMES}KeyError: 1\nwent on\n{FRAMES}ValueError: two\n{PYTHON_PANIC}",
            "ValueError: two",
            f"{SHOWN}ValueError: two",
        ),
        (
            f"{FRAMES}    x =\n        ^\nSyntaxError: invalid syntax\n{PYTHON_PANIC}",
            "SyntaxError: invalid syntax",
            None,
        ),
        (
            js(
                'Exception(Exception { message: Some("bad \\"text\\""), stack: '
                'Some("    at boom (/a.js:2:43)\\n    at execute (/a.js:7:43)\\n") })'
            ),
            "bad 'text'",
            "    at boom (/a.js:2:43)\n    at execute (/a.js:7:43)",
        ),
        (js('Exception(Exception { message: Some("\\u{202e}x\\n"), stack: None })'), "\\u202ex", ""),
        (
            js("Exception(Exception { message: None, stack: None })"),
            "an exception without a message",
            "",
        ),
        (
            js('Exception(Exception { message: Some("bad"), stack: Some("TypeError\\n    at execute (/a.js:7:43)") })'),
            "TypeError: bad",
            "TypeError: bad\n    at execute (/a.js:7:43)",
        ),
        (js('Value(String(Ok("just a string")))'), "just a string", ""),
        (js('Value(Undefined"undefined")'), "Undefined'undefined'", ""),
        (js("Value(Int(3))"), "Int(3)", ""),
        (
            f"\nthread 'main' panicked at src/lib.rs:5:9:\nbad text\n{NOTE}",
            "bad text",
            "panicked at src/lib.rs:5:9",
        ),
        (f"{FRAMES}ValueError: token=hunter2\n", "ValueError: token=‹masked›", f"{SHOWN}ValueError: token=‹masked›"),
    ],
)  # fmt: skip
def test_an_exception(said: str, summary: str, traceback: str | None) -> None:
    found = raised(said)
    assert found is not None
    assert found.summary == summary
    assert traceback is None or found.traceback == traceback


@pytest.mark.parametrize(
    "said", ["", "\n", "an error\n", FRAMES, f"{FRAMES}  File", "Traceback (most recent"]
)
def test_no_exception(said: str) -> None:
    assert raised(said) is None


def test_all_of_it_is_printable_and_short() -> None:
    found = raised(f"{FRAMES}\x1b[2J: \u202e{'x' * 12_000}\n{PYTHON_PANIC}")
    assert found is not None
    assert neutral(found.summary) == found.summary
    assert neutral(found.traceback, keep="\n") == found.traceback
    assert len(found.summary) < MAX_SUMMARY + 100
    assert len(found.traceback) < MAX_TRACEBACK + 100
    assert '"' not in raised(f'{FRAMES}E: "quoted"\n').summary  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "piece",
    [
        FRAMES, CAUSED, f"{CAUSED}{FRAMES}", PYTHON_PANIC, "thread '", "panicked at x:\n", 'Some("', '\\"', "\\",
        "Exception(Exception { message: ", 'Exception(Exception { message: Some("x"', "Failed to call 'x': Value(",
        "token=", "://a", "\n", " ", '"',
    ],
)  # fmt: skip
def test_a_hostile_text_takes_little_time(piece: str) -> None:
    start = time.process_time()
    for said in (piece * (16_000 // len(piece)), js(piece * (15_000 // len(piece)))):
        found = raised(said)
        assert found is None or isinstance(found, Raised)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("what", "missing"),
    [
        ("interface 'tark:plugin/tool-plugin'", "toolPlugin"),
        ("function 'getRiskLevel'", "getRiskLevel"),
        ("function 'get-risk-level'", "getRiskLevel"),
    ],
)
def test_an_export_that_is_missing_is_named(what: str, missing: str) -> None:
    panic = JS_PANIC.removesuffix("Failed to call 'execute': ")
    found = raised(
        f'{panic}{what} not found: FromJs {{ from: "undefined", to: "object", message: None }}\n{NOTE}'
    )
    assert found is not None
    assert found.missing == missing
    assert found.summary == f"the {what.split(maxsplit=1)[0]} '{missing}' is not exported"
