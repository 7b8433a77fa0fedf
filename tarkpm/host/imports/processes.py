"""Run a program and its children to their end or to a limit; `supervisor` kills them."""

import contextlib
import os
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from tarkpm.host.limits import MIB, size

SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
MAX_OUTPUT: Final = 1 * MIB
"""Maximum bytes of standard output, and of standard error."""
_CHUNK: Final = 64 << 10
_DRAINING: Final = 0.5
"""Seconds to read the rest of the pipes after the program has ended."""
_ENDING: Final = 3.0
"""Seconds the supervisor has to clean up; longer than its own limit (`supervisor.SWEEP`)."""


class Stopped(Exception):
    """The program did not run to its end. The plugin gets the message."""


class Ran(msgspec.Struct, frozen=True):
    """The exit code and the output of a program. All processes it started have ended."""

    code: int
    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str], environment: Mapping[str, str], folder: int, stdin: bytes | None, seconds: float
) -> Ran:
    """Run ``argv`` in the folder with the descriptor ``folder``, for at most ``seconds``.

    The program has this environment, three open files, no terminal and a session of its own. Raises `Stopped`
    for an exceeded limit and for a program that cannot be run.
    """
    if seconds <= 0:
        raise Stopped("no time is left to run it")
    control, theirs = socket.socketpair()
    with control:
        with theirs:
            process = _supervise(theirs.fileno(), folder, stdin)
        with process:
            running = _Running(process, control, stdin or b"", time.monotonic() + seconds)
            try:
                control.sendall(_request(argv, environment))
                return running.finish(seconds)
            except (BrokenPipeError, ConnectionResetError):
                raise Stopped("its supervisor was killed") from None
            finally:
                running.end()


def _supervise(control: int, folder: int, stdin: bytes | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(SUPERVISOR), str(control), str(folder)],
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},  # the supervisor needs none; the program's own environment is in the request
        pass_fds=(control, folder),
        # No terminal, and a group that `_Running.end` can kill as a whole.
        start_new_session=True,
        bufsize=0,
    )


def _request(argv: Sequence[str], environment: Mapping[str, str]) -> bytes:
    strings = [str(len(argv)), *argv, *(f"{name}={value}" for name, value in environment.items())]
    data = b"".join(os.fsencode(text) + b"\0" for text in strings)
    return struct.pack(">I", len(data)) + data


class _Running:
    """A running program: its pipes and its supervisor's socket, served in turn."""

    def __init__(
        self, process: subprocess.Popen[bytes], control: socket.socket, stdin: bytes, deadline: float
    ) -> None:
        self._process = process
        self._control = control
        self._stdin = memoryview(stdin)
        self._deadline = deadline
        self._said = b""
        self._output: dict[str, bytearray] = {"standard output": bytearray(), "standard error": bytearray()}

    def finish(self, seconds: float) -> Ran:
        """Wait for the end of the program and of both output pipes."""
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while selector.get_map():
                left = self._deadline - time.monotonic()
                if left <= 0 and self._said:
                    break  # the program ended; a process that the supervisor cannot reach holds the pipes
                if left <= 0:
                    raise Stopped(f"ran longer than {seconds:.3g} s and was killed")
                for key, _ in selector.select(left):
                    if not self._serve(key.data):
                        selector.unregister(key.fileobj)
        return self._result()

    def _register(self, selector: selectors.BaseSelector) -> None:
        process = self._process
        selector.register(self._control, selectors.EVENT_READ, "control")
        for pipe, name in ((process.stdout, "standard output"), (process.stderr, "standard error")):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, name)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE, "stdin")

    def _serve(self, name: str) -> bool:
        """Move some bytes. Returns whether there may be more."""
        match name:
            case "control":
                piece = self._control.recv(64)
                self._said += piece
                if not self._said:
                    raise Stopped("its supervisor was killed")
                self._deadline = min(self._deadline, time.monotonic() + _DRAINING)
                return bool(piece)
            case "stdin":
                return self._feed(self._process.stdin)
        pipe = self._process.stdout if name == "standard output" else self._process.stderr
        assert pipe is not None
        piece = pipe.read(_CHUNK) or b""
        self._output[name] += piece
        if len(self._output[name]) > MAX_OUTPUT:
            raise Stopped(f"wrote more than {size(MAX_OUTPUT)} to {name} and was killed")
        return bool(piece)

    def _feed(self, pipe: IO[bytes] | None) -> bool:
        assert pipe is not None
        try:
            self._stdin = self._stdin[os.write(pipe.fileno(), self._stdin[:_CHUNK]) :]
        except BrokenPipeError:  # it does not read its input, which is allowed
            self._stdin = self._stdin[:0]
        if not self._stdin:
            pipe.close()
        return bool(self._stdin)

    def _result(self) -> Ran:
        match self._said.decode("ascii", "replace").split():
            case ["exit", code]:
                return Ran(int(code), *(bytes(output) for output in self._output.values()))
            case ["failed", number]:
                raise Stopped(f"cannot be run: {os.strerror(int(number))}")
        raise Stopped("its supervisor was killed")

    def end(self) -> None:
        """Close the socket, upon which the supervisor kills everything, and reap the supervisor."""
        self._control.close()
        try:
            # Normally the supervisor ends by itself. Killing it would leave orphans that it had adopted.
            self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()
