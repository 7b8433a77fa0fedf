"""Type what an error's ``help:`` line says, where the error came up: each hint of the suite, once per process.

A hint that is a command must not lead to a usage error, nor back to the error it is meant to help with. What it
leads to otherwise, such as a question, is its own test's business.
"""

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from support.sandbox import Result, Sandbox

_HELP = re.compile(r"^  help: (?P<first>.*?: )?(?P<command>tarkpm( .*)?)$", re.MULTILINE)
_ERROR = re.compile(r"^error: .*$", re.MULTILINE)
_KEY = "ed25519:tioiKdluwgAfhk58EEnNndc2vHsb7F3fVPqcGS7dirk="
_PLACEHOLDERS = {
    "KEY": _KEY,
    "NAME": "some-name",
    "DIR": "some-folder",
    "FOLDER": "some-folder",
    "TEXT": "text",
}
_LITERAL = re.compile(r"-{0,2}[a-z][a-z-]*")

TEST = "PYTEST_CURRENT_TEST"
_typed: set[str] = set()


class Failure(NamedTuple):
    """The last command of a sandbox, if it failed."""

    sandbox: "Sandbox"
    cwd: Path
    env: dict[str, str]
    words: list[str]
    result: "Result"


WAITING = ("auth", "chat", "channel", "serve")
"""Commands that would wait for a person or a server."""

last: list[Failure] = []
"""The failure of the running test's last command; empty if the command succeeded."""


def remember(failure: Failure) -> None:
    """Keep a command's outcome until the next command.

    A sandbox that other tests go on with is left as it is: a hint may change what was accepted there.
    """
    last[:] = [failure] if failure.result.status and failure.sandbox.test == os.environ.get(TEST) else []


def type_last() -> None:
    """Type the hint of the test's last command, unless this process typed one like it."""
    for sandbox, cwd, env, words, result in last:
        last.clear()
        if (found := _HELP.search(result.err)) is None or not cwd.is_dir():
            return
        hint = [_PLACEHOLDERS.get(word, word) for word in shlex.split(found["command"], comments=True)]
        if {*WAITING} & {*hint[:3]}:
            hint = [*hint, "--help"]
        kind = " ".join(word if _LITERAL.fullmatch(word) else "_" for word in hint)
        if kind in _typed:
            return
        _typed.add(kind)
        again = sandbox.run(*hint[1:], cwd=cwd, env=env)
        last.clear()
        story = f"tarkpm {shlex.join(words)}\n{result.err}\n$ {shlex.join(hint)}\n{again.err}"
        usage = f"  where: {' '.join(hint[:2])}"
        assert usage not in again.err or not again.err.rstrip().endswith("--help"), story
        if (found["first"] or "").endswith("then: "):
            return  # the user has something to do first
        errors = {*_ERROR.findall(result.err)}
        assert again.status == 0 or not errors & {*_ERROR.findall(again.err)}, story
