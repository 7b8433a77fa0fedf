"""One run of the program: one error at the most, an exit status, and no traceback but on demand."""

import errno
import json
import shlex

import click
import pytest

from tarkpm.cli import group as module
from tarkpm.cli.group import group, run
from tarkpm.errors import KeyUnknown, TarkError

from .conftest import Streams


def failing(monkeypatch: pytest.MonkeyPatch, problem: BaseException) -> None:
    """Let every command end so."""

    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(group, "main", fail)


@pytest.mark.parametrize(
    ("problem", "status", "text"),
    [
        (KeyUnknown("not trusted", where="w", hint="h"), 4, "error: not trusted\n  where: w\n  help: h\n"),
        (KeyboardInterrupt(), 130, "interrupted: nothing was left half done\n"),
        (click.Abort(), 130, "interrupted: nothing was left half done\n"),
        (click.UsageError("Missing option."), 2, "error: missing option\n  where: tarkpm\n  help: tarkpm --help\n"),
        (click.exceptions.Exit(7), 7, ""),
        (OSError(errno.ENOSPC, "No space left", "/a/b"), 2, "error: the disk is full\n  where: /a/b\n  help: free some space"),
        (OSError(errno.EACCES, "Permission denied", "/a/b"), 2, "error: permission denied\n  where: /a/b\n  help: ls -ld /a /a/b\n"),
        (OSError(errno.EIO, "Input/output error"), 2, "error: input/output error\n  where: tarkpm sync\n"),
        (OSError("odd"), 2, "error: odd\n"),
        (ValueError("what?"), 2, "error: unexpected: ValueError: what?\n  where: tarkpm sync\n  help: run it again with -vv"),
    ],
)  # fmt: skip
def test_how_a_command_ends(
    streams: Streams, monkeypatch: pytest.MonkeyPatch, problem: BaseException, status: int, text: str
) -> None:
    out, err = streams()
    failing(monkeypatch, problem)
    assert run(["sync"]) == status
    assert err.shown.startswith(text)
    assert ("Traceback" in err.shown) is False
    assert out.shown == ""


@pytest.mark.parametrize(("result", "status"), [(None, 0), (3, 3), ("text", 0)])
def test_a_commands_result_is_its_exit_status(
    streams: Streams, monkeypatch: pytest.MonkeyPatch, result: object, status: int
) -> None:
    streams()
    monkeypatch.setattr(group, "main", lambda *_, **__: result)
    assert run(["verify"]) == status


def test_a_traceback_is_printed_on_demand_without_passwords(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, err = streams()
    failing(monkeypatch, ValueError("https://me:s3cret@git.example/x"))
    assert run(["-vv", "sync"]) == 2
    assert "Traceback (most recent call last)" in err.shown
    assert "s3cret" not in err.shown


def test_every_error_gets_a_place_and_a_hint(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = streams()
    failing(monkeypatch, TarkError("odd"))
    assert run(["--json", "index", "claim", "calc"]) == 2
    error = json.loads(out.shown)["error"]
    assert (error["where"], error["hint"]) == ("tarkpm index claim", "tarkpm index claim --help")


@pytest.mark.parametrize(
    ("typed", "message", "where"),
    [
        ("frobnicate", "there is no command 'frobnicate'", "tarkpm"),
        ("https://me:s3cret@h/x", "there is no command '…@h/x'", "tarkpm"),
        ("list --frobnicate", "no such option '--frobnicate'", "tarkpm list"),
        ("index frobnicate", "there is no command 'frobnicate'", "tarkpm index"),
        ("info", "missing argument 'PLUGIN'", "tarkpm info"),
    ],
)
def test_a_line_that_does_not_parse(streams: Streams, typed: str, message: str, where: str) -> None:
    _, err = streams()
    assert run(shlex.split(typed)) == 2
    first, second, third = err.shown.splitlines()
    assert first.lower().replace(": '", " '").startswith(f"error: {message.lower()}".replace(": '", " '"))
    assert second == f"  where: {where}"
    assert third.startswith("  help: tarkpm")
    assert "s3cret" not in err.shown


def test_without_a_command_help_goes_to_standard_error(streams: Streams) -> None:
    out, err = streams()
    assert run([]) == 2
    assert out.shown == ""
    assert "Usage: tarkpm" in err.shown


def test_help_is_a_result(streams: Streams) -> None:
    out, err = streams()
    assert run(["-h"]) == 0, err.shown
    assert "Usage: tarkpm" in out.shown
    assert err.shown == ""


def test_known_system_errors_are_lower_case_facts() -> None:
    for message, hint in module._SYSTEM.values():
        assert message == message.lower()
        assert not hint.endswith(".")
