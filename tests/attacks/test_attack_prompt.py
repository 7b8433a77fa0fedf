"""At a terminal: -y answers "proceed?" alone, anything but yes is no, and Ctrl-C leaves nothing half done."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from conftest import Publisher
from support.sandbox import Result, Sandbox

from attacks.tampering import unchanged


def _at_terminal(sandbox: Sandbox, *arguments: str, prompt: str, answer: bytes) -> Result:
    """Run tarkpm at a terminal, wait for ``prompt`` and type ``answer``; b"" is Ctrl-C by signal."""
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's `&` ignores it, and that is inherited
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tarkpm", *arguments],
        cwd=sandbox.cwd,
        env=sandbox.environment(TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen, answered, end = b"", False, time.monotonic() + 20
    while time.monotonic() < end:
        if not select.select([ours], [], [], 0.5)[0]:
            if answered and not answer and b"interrupted" not in seen:
                process.send_signal(signal.SIGINT)  # one that comes just before read() is not seen
            continue
        try:
            data = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        seen += data
        if not answered and prompt.encode() in seen:
            answered = True
            if answer:
                os.write(ours, answer)
            else:
                process.send_signal(signal.SIGINT)
    os.close(ours)
    status = process.wait(timeout=20)
    assert answered or not prompt, seen.decode(errors="replace")
    return Result(status, "", seen.decode(errors="replace"))


@pytest.mark.parametrize("flags", [(), ("-y",)])
def test_a_key_is_asked_about_even_with_yes(
    sandbox: Sandbox, publisher: Publisher, flags: tuple[str, ...]
) -> None:
    publisher.release()
    sandbox.init()
    arguments = ("add", publisher.url, *flags)
    with unchanged(sandbox):
        for answer in (b"n\n", b"\n"):
            refused = _at_terminal(sandbox, *arguments, prompt="[y/N]", answer=answer)
            refused.failed(4, "Trust this key", "NEW: compare it", "nothing was changed")
    done = _at_terminal(sandbox, *arguments, prompt="[y/N]", answer=b"y\n")
    assert done.status == 0, done
    sandbox.run("verify").ok()


def test_no_answer_allows_an_unsigned_release(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(sign="")
    sandbox.init()
    with unchanged(sandbox):
        refused = _at_terminal(sandbox, "add", publisher.url, prompt="", answer=b"y\n")
        refused.failed(4, "'text-tools' is not signed", "--allow-unsigned text-tools")


@pytest.mark.parametrize("answer", [b"", b"\x04"])
def test_an_interrupted_question_is_no_answer(sandbox: Sandbox, publisher: Publisher, answer: bytes) -> None:
    publisher.release()
    sandbox.init()
    with unchanged(sandbox):
        _at_terminal(sandbox, "add", publisher.url, prompt="[y/N]", answer=answer).failed(
            130, "interrupted: nothing was left half done"
        )


def test_a_projects_decisions_are_asked_about(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    mate = Sandbox(sandbox.root / "mate")
    for name in ("tark.toml", "tark.lock"):
        (mate.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    publisher.server.requests.clear()
    _at_terminal(mate, "sync", prompt="[y/N]", answer=b"n\n").failed(
        4, f"trust {publisher.key} for 'text-tools'", "the project's decisions were not accepted"
    )
    assert publisher.server.requests == []
    done = _at_terminal(mate, "sync", prompt="[y/N]", answer=b"y\n")
    assert done.status == 0, done
