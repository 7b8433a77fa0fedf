"""Interactive shells at a terminal of their own, in which tarkpm's completions are loaded."""

import codecs
import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.sandbox import Sandbox
from support.terminal import own_terminal

PATIENCE = 30.0
START = {
    "bash": (["--norc", "--noprofile", "-i"], 'PS1="rea""dy> "; . {script}'),
    "zsh": (["-f", "-i"], 'PS1="rea""dy> "; autoload -Uz compinit; compinit -u -D; . {script}'),
    "fish": (["--no-config", "-i"], "source {script}; function fish_prompt; echo 'rea''dy> '; end"),
}


class Shell:
    """A person at one of the shells, who types and waits."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end inside a character
        self.seen = ""

    def type(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._terminal, keys.encode())

    def wait(self, until: Callable[[], bool]) -> None:
        """Read what the shell shows until this holds, and the screen is still."""
        end = time.monotonic() + PATIENCE
        while True:
            came = self._read(0.15)
            if until() and not came:
                return
            assert time.monotonic() < end, self.seen

    def _read(self, seconds: float) -> bool:
        if not select.select([self._terminal], [], [], seconds)[0]:
            return False
        self.seen += self._decoder.decode(os.read(self._terminal, 65536))
        return True


@contextmanager
def shell(name: str, script: Path, sandbox: Sandbox, path: str) -> Iterator[Shell]:
    """A shell in the sandbox's folder with this PATH, which has read ``script``; skips without the shell."""
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not here")
    options, setup = START[name]
    ours, theirs = pty.openpty()
    environment = sandbox.environment(PATH=path, TERM="xterm", HISTFILE="")
    process = subprocess.Popen(
        [program, *options], cwd=sandbox.cwd, env=environment,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=own_terminal,  # noqa: PLW1509  it makes two system calls; fish ends without it
    )  # fmt: skip
    os.close(theirs)
    person = Shell(ours)
    try:
        person.type(setup.format(script=script) + "\r")
        person.wait(lambda: "ready> " in person.seen)
        yield person
    finally:
        process.kill()
        process.wait()
        os.close(ours)
