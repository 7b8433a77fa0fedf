"""Settings made of options and environment variables, and arguments read by the core's parsers."""

import sys
from pathlib import Path
from typing import Any

import click
import pytest
from support.indexrepo import public
from support.releases import GOOD

from tarkpm.cli.console import Console
from tarkpm.cli.global_options import anywhere
from tarkpm.cli.options import (
    Invocation,
    common,
    consent,
    keep_data,
    make_settings,
    offline,
    read_capability,
    read_name,
    read_version,
    running,
    yes,
)
from tarkpm.core.consent import Answers
from tarkpm.errors import TarkError
from tarkpm.ops.project.settings import ANY_DECISIONS, Settings

from .conftest import Streams

DIGEST = "sha256:" + "a" * 64


def make(environ: dict[str, str], **options: Any) -> Settings:
    return make_settings(
        environ, **{"project": None, "user": False, "accept_project": "", "cwd": Path("/"), **options}
    )


# -- variables


@pytest.mark.parametrize(
    ("text", "is_on"),
    [
        (None, False),
        ("0", False),
        ("off", False),
        ("false", False),
        ("NO", False),
        ("1", True),
        ("yes", True),
    ],
)
def test_offline_by_variable(text: str | None, is_on: bool) -> None:
    assert make({} if text is None else {"TARKPM_OFFLINE": text}).offline is is_on


@pytest.mark.parametrize(
    "variable",
    [
        "HOME",
        "TARKPM_ACCEPT_PROJECT",
        "TARKPM_CACHE_DIR",
        "TARKPM_LOCK_TIMEOUT",
        "TARKPM_OFFLINE",
        "TARKPM_PROJECT",
        "TARKPM_STATE_DIR",
    ],
)
def test_an_empty_variable_is_an_error_also_where_an_option_is_typed(variable: str) -> None:
    with pytest.raises(TarkError, match="found an empty") as caught:
        make({variable: ""}, project=Path("/typed"), accept_project="any")
    assert (caught.value.where, caught.value.hint) == (variable, f"unset {variable}")


@pytest.mark.parametrize(
    ("option", "variable", "accepted"),
    [
        ("", None, ""),
        ("any", None, ANY_DECISIONS),
        (DIGEST, None, DIGEST),
        ("", "1", ANY_DECISIONS),
        ("", "off", ""),
        ("", DIGEST, DIGEST),
        (DIGEST, "1", DIGEST),  # what was typed goes before what a shell has set
        ("no", DIGEST, ""),
        ("no", "1", ""),
    ],
)
def test_which_decisions_are_accepted_in_advance(option: str, variable: str | None, accepted: str) -> None:
    environ = {} if variable is None else {"TARKPM_ACCEPT_PROJECT": variable}
    found = make(environ, accept_project=option)
    assert found.accept_project == accepted


@pytest.mark.parametrize("text", ["sha256:abc", f"{DIGEST}0", DIGEST.upper(), "maybe"])
def test_what_is_neither_yes_nor_a_digest_accepts_nothing(text: str) -> None:
    with pytest.raises(TarkError) as caught:
        make({}, accept_project=text)
    assert caught.value.where == "--accept-project"
    with pytest.raises(TarkError) as caught:
        make({"TARKPM_ACCEPT_PROJECT": text})
    assert caught.value.where == "TARKPM_ACCEPT_PROJECT"


@pytest.mark.parametrize(("text", "seconds"), [(None, 60.0), ("0", 0.0), ("1.5", 1.5)])
def test_seconds_to_wait_for_a_lock(text: str | None, seconds: float) -> None:
    assert make({} if text is None else {"TARKPM_LOCK_TIMEOUT": text}).lock_seconds == seconds


def test_seconds_are_a_number() -> None:
    with pytest.raises(TarkError, match="expected a number of seconds"):
        make({"TARKPM_LOCK_TIMEOUT": "soon"})


@pytest.mark.parametrize(
    ("options", "project", "user"),
    [
        ({}, Path("/var"), False),
        ({"project": Path("/typed")}, Path("/typed"), False),
        ({"user": True}, None, True),
    ],
)
def test_a_project_by_variable_where_none_is_typed(
    options: dict[str, Any], project: Path | None, user: bool
) -> None:
    found = make({"TARKPM_PROJECT": "/var"}, **options)
    assert (found.project, found.user) == (project, user)


def test_two_places_are_one_too_many() -> None:
    with pytest.raises(TarkError, match="expected --project or --user, found both"):
        make({}, project=Path("/a"), user=True)


def test_the_command_is_kept_as_typed_without_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tarkpm", "add", "https://me:s3cret@h/x", "two words"])
    assert make({}).command == "tarkpm add '…@h/x' 'two words'"


# -- a command


def invoke(*words: str, options: tuple[Any, ...] = (), before: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a command with these options is called with, behind a program with global ones."""
    seen: dict[str, Any] = {}

    @click.group()
    @anywhere
    def program(**_: object) -> None: ...

    def command(invocation: Invocation, **rest: Any) -> None:
        seen.update(rest, invocation=invocation, settings=invocation.settings)

    wrapped: Any = command
    for option in options:
        wrapped = option(wrapped)
    program.command("it")(common(wrapped))
    program.main([*before, "it", *words], standalone_mode=False)
    return seen


def test_options_before_and_behind_a_command_add_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TARKPM_PROJECT", raising=False)
    found = invoke("--json", before=("--offline", "--project", str(tmp_path)))
    assert found["invocation"].json
    assert found["settings"].offline
    assert found["settings"].project == tmp_path
    typed_twice = invoke("--project", str(tmp_path / "x"), before=("--project", str(tmp_path)))
    assert typed_twice["settings"].project == tmp_path / "x"
    assert not invoke()["settings"].offline


def test_options_of_settings_do_not_reach_the_command() -> None:
    found = invoke("--offline", "-y", "--keep-data", options=(offline, yes, keep_data))
    settings = found["settings"]
    assert (settings.offline, settings.yes, settings.keep_data) == (True, True, True)
    assert set(found) == {"invocation", "settings"}


def test_a_variable_makes_offline_and_no_option_undoes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARKPM_OFFLINE", "1")
    assert invoke(options=(offline,))["settings"].offline


def test_unmanaged_plugins_are_named_one_by_one() -> None:
    seen: list[Settings] = []

    def command(invocation: Invocation) -> None:
        seen.append(invocation.settings)

    click.command()(running(command)).main(
        ["--accept-unmanaged", "Calc", "--accept-unmanaged", "memo"], standalone_mode=False
    )
    assert seen[0].accept_unmanaged == {"calc", "memo"}


# -- consent


def answers(*words: str) -> Answers:
    seen: list[Answers] = []

    def command(answers: Answers) -> None:
        seen.append(answers)

    click.command()(consent(command)).main([*words], standalone_mode=False)
    return seen[0]


def test_nothing_is_agreed_to_by_default() -> None:
    assert answers() == Answers()


def test_each_flag_agrees_to_one_thing() -> None:
    key = public(GOOD)
    assert answers("--trust", key) == Answers(trust=(key,))
    assert answers("--accept-capabilities") == Answers(accept_capabilities=True)
    assert answers("--allow-unsigned", "Calc") == Answers(allow_unsigned=frozenset({"calc"}))
    assert answers("--allow-downgrade") == Answers(allow_downgrade=True)
    assert answers("--allow-republished") == Answers(allow_republished=True)


@pytest.mark.parametrize(
    ("words", "where"), [(("--trust", "x"), "--trust"), (("--allow-unsigned", "a b"), "a b")]
)
def test_a_flag_that_names_nothing_is_an_error(words: tuple[str, ...], where: str) -> None:
    with pytest.raises(TarkError) as caught:
        answers(*words)
    assert caught.value.where == where


# -- arguments


def test_arguments_are_read_by_the_cores_parsers() -> None:
    assert read_name("Calc") == "calc"
    assert str(read_capability("http:API.example.com")) == "http:api.example.com"
    assert str(read_version("1.2.3")) == "1.2.3"
    for read, text, where in (
        (read_name, "a b", "a b"),
        (read_capability, "fly", "fly"),
        (read_version, "1", "--tark-version"),
    ):
        with pytest.raises(TarkError) as caught:
            read(text)
        assert caught.value.where == where


# -- results


@pytest.mark.parametrize(("as_json", "shown"), [(True, '{\n  "a": 1\n}\n'), (False, "one\ntwo\n")])
def test_a_result_is_json_or_lines(streams: Streams, as_json: bool, shown: str) -> None:
    out, err = streams()
    Invocation(make({}), Console(), as_json).report({"a": 1}, lambda: ["one", "two"])
    assert (out.shown, err.shown) == (shown, "")


def test_a_result_without_lines_prints_nothing(streams: Streams) -> None:
    out, _ = streams()
    Invocation(make({}), Console(), False).report({}, list)
    assert out.shown == ""


@pytest.mark.parametrize(("as_json", "shown"), [(True, '"\\u001b[2J"\n'), (False, "\x1b[2J\n")])
def test_a_plugins_output_is_exact_unless_json_is_asked_for(
    streams: Streams, as_json: bool, shown: str
) -> None:
    out, _ = streams()
    Invocation(make({}), Console(), as_json).output("\x1b[2J", "\x1b[2J")
    assert out.shown == shown
