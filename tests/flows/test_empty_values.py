"""An empty value is an error that names its option, variable or key: it is not the same as no value."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from attacks.tampering import unchanged
from support.sandbox import Sandbox

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.group import group
from tarkpm.cli.options import make_settings
from tarkpm.ops.project.settings import ANY_DECISIONS


def commands(
    command: click.Command = group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command and group with the words that name it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


def empty_values() -> Iterator[tuple[list[str], str]]:
    """Yield, for every option and argument that takes a value, a line that leaves it empty, and its name."""
    for path, command in commands():
        arguments = [param for param in command.params if isinstance(param, click.Argument)]
        for number, argument in enumerate(arguments):
            yield [*path, *["x"] * number, ""], (argument.name or "").upper() if not argument.metavar else ""
        for param in command.params:
            if isinstance(param, click.Option) and not param.is_flag and not param.count:
                for spelled in param.opts:
                    # its value is optional, so a word behind it is the command's
                    if spelled != "--accept-project":
                        yield [*path, spelled, ""], max(param.opts, key=len)
                yield [*path, f"{max(param.opts, key=len)}="], max(param.opts, key=len)


def test_every_command_refuses_an_empty_option_or_argument(sandbox: Sandbox) -> None:
    sandbox.init()
    lines = list(empty_values())
    assert len(lines) > 150, "the walk does not reach the commands"
    with unchanged(sandbox):
        for words, name in lines:
            refused = sandbox.run(*words).failed(2, f"error: expected a value for {name}")
            assert "found an empty string" in refused.err, words


def test_every_command_is_of_the_class_that_checks() -> None:
    assert [path for path, command in commands() if not isinstance(command, CheckedCommand)] == []


def test_what_takes_no_value_and_what_is_not_empty_is_let_through(sandbox: Sandbox) -> None:
    sandbox.init()
    sandbox.run("list", "--user", "--json").ok()
    sandbox.run("list", "--project", ".").ok()
    sandbox.run("call", "x", "y", "@").failed(2, "expected a file name after @, found nothing")
    assert "--help" in sandbox.run("list", "--help").ok().out


OWN = ["TARKPM_PROJECT", "TARKPM_OFFLINE", "TARKPM_ACCEPT_PROJECT", "TARKPM_CACHE_DIR", "TARKPM_LOCK_TIMEOUT"]


@pytest.mark.parametrize("name", [*OWN, "HOME"])
def test_an_empty_variable_is_an_error_of_every_command(sandbox: Sandbox, name: str) -> None:
    sandbox.init()
    for words in (["list"], ["--user", "list"], ["--offline", "list", "--accept-project", "--project", "."]):
        found = sandbox.run(*words, env={name: ""}).failed(2, "expected a value, found an empty string")
        assert f"where: {name}\n" in found.err
        assert f"help: unset {name}\n" in found.err


def test_an_empty_passphrase_is_named(sandbox: Sandbox) -> None:
    found = sandbox.run(
        "key", "generate", "--name", "k", "--passphrase", env={"TARKPM_KEY_PASSPHRASE": ""}
    ).failed(2, "expected a value, found an empty string")
    assert "where: TARKPM_KEY_PASSPHRASE\n" in found.err


@pytest.mark.parametrize(
    ("value", "is_offline"),
    [(each, True) for each in ("1", "true", "YES", "on")] + [(each, False) for each in ("0", "False", "no", "off")],
)  # fmt: skip
def test_offline_is_what_the_variable_says(sandbox: Sandbox, value: str, is_offline: bool) -> None:
    sandbox.init()
    said = sandbox.run("add", "http://127.0.0.1:9/x", env={"TARKPM_OFFLINE": value}).failed(5).err
    assert ("forbids network requests" in said) is is_offline, said


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("TARKPM_OFFLINE", value, "expected 1, true, yes, on, 0, false, no or off") for value in ("2", " ", "offf")]
    + [
        ("TARKPM_LOCK_TIMEOUT", value, "expected a number of seconds like 60 or 0.5")
        for value in ("nan", "inf", "-1", "-0", "1e3", "1_0", " 5", "\N{ARABIC-INDIC DIGIT FIVE}", "ten", "5s")
    ]
    + [("TARKPM_ACCEPT_PROJECT", "maybe", "expected sha256: and 64 hexadecimal digits")],
)  # fmt: skip
def test_a_variable_that_is_no_boolean_or_number_is_refused(
    sandbox: Sandbox, name: str, value: str, message: str
) -> None:
    sandbox.init()
    found = sandbox.run("list", env={name: value}).failed(2, f"{message}, found '{value}'")
    assert f"where: {name}\n" in found.err


def test_an_option_is_stronger_than_its_variable() -> None:
    environ = {"HOME": "/h", "TARKPM_ACCEPT_PROJECT": "1", "TARKPM_PROJECT": "/elsewhere"}
    settings = make_settings(environ, project=Path("/here"), user=False, accept_project="no", cwd=Path("/"))
    assert (settings.accept_project, settings.project) == ("", Path("/here"))
    settings = make_settings(environ, project=None, user=False, accept_project="", cwd=Path("/"))
    assert (settings.accept_project, settings.project) == (ANY_DECISIONS, Path("/elsewhere"))


@pytest.mark.parametrize(
    "name", ["NO_COLOR", "HTTPS_PROXY", "http_proxy", "NO_PROXY", "NETRC", "SSL_CERT_FILE"]
)
def test_an_empty_variable_of_other_programs_is_not_set(sandbox: Sandbox, name: str) -> None:
    sandbox.init()
    found = sandbox.run("add", "http://127.0.0.1:9/x", env={name: ""}).failed(5)
    assert "cannot connect: connection refused" in found.err


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_an_option_in_seconds_is_a_finite_number(sandbox: Sandbox, seconds: str) -> None:
    sandbox.init()
    sandbox.run("channel", "start", "x", "--seconds", seconds).failed(2, "invalid value for '--seconds'")
    sandbox.run("channel", "poll", "x", "--seconds", seconds).failed(2, "invalid value for '--seconds'")
