"""Ask a program of the user's or the administrator's: a question on its standard input, a bounded answer."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from tarkpm.io.programs import USUAL_PATH

MAX_ANSWER: Final = 64 << 10
"""Limit of an answer, in bytes."""


class NoAnswer(Exception):
    """The program could not be started, failed, took too long, or said too much; the text says which."""


def ask(command: Sequence[str], question: bytes, *, seconds: float, environment: Mapping[str, str]) -> bytes:
    """Return what a program prints for a question. Raises `NoAnswer`, also for an exit status other than 0.

    It runs in ``/`` with none of the user's variables but HOME, and is killed with all that it started once
    it has answered or ``seconds`` are over.
    """
    # A PATH of the user's would let them replace what an administrator's script runs.
    home = {name: value for name, value in environment.items() if name == "HOME"}
    kept = {"PATH": USUAL_PATH, "LANG": "C.UTF-8"} | home
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=kept,
            cwd="/",
            start_new_session=True,
        )
    except OSError as problem:
        raise NoAnswer(f"cannot be started: {(problem.strerror or str(problem)).lower()}") from None
    late = threading.Event()

    def stop() -> None:
        late.set()
        _end(process)

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        return _answer(process, question)
    except NoAnswer:
        if late.is_set():
            raise NoAnswer(f"did not answer within {seconds:g} seconds") from None
        raise
    finally:
        timer.cancel()
        _end(process)


def _answer(process: "subprocess.Popen[bytes]", question: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        with suppress(BrokenPipeError):  # it may answer without reading everything
            process.stdin.write(question)
            process.stdin.flush()
        with suppress(BrokenPipeError):
            process.stdin.close()
        answer = process.stdout.read(MAX_ANSWER + 1)
        if len(answer) > MAX_ANSWER:
            _end(process)
            raise NoAnswer(f"answered more than {MAX_ANSWER:,} bytes")
        if status := process.wait():
            raise NoAnswer(f"failed with status {status}" if status > 0 else f"was ended by signal {-status}")
        return answer


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that leads its own session, and every process of its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
