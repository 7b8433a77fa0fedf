"""Ask a helper program of the user, such as one that keeps logins, with bounds on its time and its output."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from tarkpm.io.programs import child_environment

SECONDS: Final = 20.0
"""Time limit of a helper, in seconds. One that waits for user input would never return."""
MAX_ANSWER: Final = 64 << 10
"""Limit of a helper's output, in bytes."""


def ask(
    command: Sequence[str], environment: Mapping[str, str], question: bytes, more: Mapping[str, str]
) -> bytes | None:
    """Return what a program answers on its standard output; None on failure, on timeout and over the limit.

    ``more`` are variables beside those of the user. The program runs in ``/`` and has no terminal. Raises
    `OSError` if it cannot be started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**child_environment(environment), **more},
        cwd="/",
        # A session of its own has no terminal, and can be killed with all helpers that it started.
        start_new_session=True,
    )
    timer = threading.Timer(SECONDS, end, (process,))
    timer.start()
    try:
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):  # it may answer without reading the question
                process.stdin.write(question)
                process.stdin.close()
            answer = process.stdout.read(MAX_ANSWER + 1)
            if len(answer) <= MAX_ANSWER and process.wait() == 0:
                return answer
            end(process)
    finally:
        timer.cancel()
        end(process)
    return None


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that leads its own session, and every process of its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
