"""What a plugin prints and raises, as its author and its users see it."""

import shlex
from pathlib import Path

import pytest
from support import guests, wat
from support.printing import TRACEBACK, printing_tool
from support.sandbox import Sandbox
from support.terminal import Terminal

PADDING = b"\0\x83\x80\xc0\x00\x01x" + bytes((1 << 20) + 1)  # a custom section that makes any module big
SHOWN = [f"    | {line}" for line in TRACEBACK.splitlines()]


@pytest.fixture
def copy(sandbox: Sandbox) -> Path:
    """A working copy whose plugin prints."""
    return guests.write_plugin(sandbox.cwd / "copy", "loud", "tool", printing_tool())


def test_output_is_shown_with_v_only(sandbox: Sandbox, copy: Path) -> None:
    quiet = sandbox.run("call", copy, "echo", "[1]").ok()
    assert (quiet.out, quiet.err) == ("[1]\n", "[loud] info: [1]\n")
    for words in (("call", "-v"), ("-v", "call"), ("--verbose", "call")):
        loud = sandbox.run(*words, copy, "echo", "[1]").ok()
        assert (loud.out, loud.err) == ("[1]\n", "[loud] info: [1]\n[loud] stdout: [1]\n")


def test_an_exception_is_shown_with_its_traceback_on_request(sandbox: Sandbox, copy: Path) -> None:
    brief = sandbox.run("call", "./copy", "bad-pointer", "[1]")
    assert brief.status == 1
    assert brief.err == (
        'error: raised "ValueError: bad text"\n  where: loud\n'
        "  help: tarkpm call -v ./copy bad-pointer '[1]'\n"
    )
    hint = shlex.split(brief.err.rpartition("tarkpm ")[2])
    whole = sandbox.run(*hint)
    assert whole.status == 1
    shown = whole.err.splitlines()
    start = shown.index("  traceback, as the plugin reports it:") + 1
    assert shown[start : start + len(SHOWN)] == SHOWN


def test_a_failure_in_the_plugin_s_code_is_followed_by_its_trace(sandbox: Sandbox, copy: Path) -> None:
    failed = sandbox.run("call", "./copy", "bad-utf8", "[1]").failed(1, "exited with status 1")
    hint = "tarkpm call -v --trace ./copy bad-utf8 '[1]'"
    assert failed.err.endswith(f"  help: {hint}\n")
    again = sandbox.run(*shlex.split(hint)[1:]).failed(1, "exited with status 1")
    assert again.err.endswith("  help: tarkpm trial ./copy bad-utf8 '[1]'\n")
    named = sandbox.run("call", "copy", "echo", "[1]").failed(2, "did you mean the folder './copy'?")
    assert named.err.endswith("  help: tarkpm tools ./copy\n")


def test_an_exception_in_json(sandbox: Sandbox, copy: Path) -> None:
    error = sandbox.run("call", copy, "bad-pointer", "--json").json["error"]
    assert error["code"] == "PluginRaised"
    assert error["exception"] == "ValueError: bad text"
    assert error["traceback"] == TRACEBACK.rstrip()


def test_a_person_sees_that_a_first_call_compiles(sandbox: Sandbox) -> None:
    guests.write_plugin(sandbox.cwd / "copy", "big", "tool", wat.lenient_tool() + PADDING)
    with Terminal(sandbox, "call", "./copy", "echo", "[1]") as terminal:
        terminal.expect("compiling big (once)")
        assert terminal.finish().status == 0
    with Terminal(sandbox, "call", "./copy", "echo", "[1]") as terminal:
        assert terminal.finish().status == 0
        assert "compiling" not in terminal.seen
