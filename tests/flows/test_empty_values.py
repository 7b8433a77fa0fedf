"""An empty value is an error that names its option, variable or key: it is not the same as no value."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from attacks.tampering import unchanged
from conftest import Publisher
from support.sandbox import Sandbox

import tarkpm
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


OWN = [
    "TARKPM_PROJECT", "TARKPM_OFFLINE", "TARKPM_ACCEPT_PROJECT", "TARKPM_CACHE_DIR", "TARKPM_STATE_DIR",
    "TARKPM_LOCK_TIMEOUT",
]  # fmt: skip
"""Variables that every command reads."""
SECRET = {
    "TARKPM_KEY_PASSPHRASE": ["key", "generate", "--name", "k", "--passphrase"],
    "TARKPM_MCP_TOKEN": ["mcp", "--http", "127.0.0.1:0"],
    "TARKPM_SERVE_TOKEN": ["serve", "openai"],
    "TARKPM_INDEX_C_TOKEN": ["add", "x"],
    "TARKPM_GIT_TOKEN_127_0_0_1_9": ["add", "http://127.0.0.1:9/x"],
    "TARKPM_MINIMUM_RELEASE_AGE": ["lock"],
}
"""Variables that are read when they are needed, with a command that needs them."""


@pytest.mark.parametrize("name", [*OWN, "HOME"])
def test_an_empty_variable_is_an_error_of_every_command(sandbox: Sandbox, name: str) -> None:
    sandbox.init()
    for words in (["list"], ["--user", "list"], ["--offline", "list", "--accept-project", "--project", "."]):
        found = sandbox.run(*words, env={name: ""}).failed(2, "expected a value, found an empty string")
        assert f"where: {name}\n" in found.err
        assert f"help: unset {name}\n" in found.err


@pytest.mark.parametrize("name", SECRET)
def test_an_empty_secret_is_named_where_it_is_needed(sandbox: Sandbox, name: str) -> None:
    sandbox.init()
    if "INDEX" in name:
        (sandbox.cwd / "tark.toml").write_text(
            f'[index.c]\nurl = "http://127.0.0.1:9"\nroot = "sha256:{"0" * 64}"\n'
        )
    words = [*SECRET[name], "--accept-project"] if "INDEX" in name else SECRET[name]
    found = sandbox.run(*words, env={name: ""}).failed(2, "expected a value, found an empty string")
    assert f"where: {name}\n" in found.err
    assert f"help: unset {name}\n" in found.err


def test_every_variable_of_the_program_is_tried() -> None:
    """A variable that the source reads by name, or whose name it makes, is in one of the tables."""
    texts = [file.read_text() for file in Path(tarkpm.__file__).parent.rglob("*.py")]
    read = {name for text in texts for name in re.findall(r'f?"(TARKPM_[A-Z_]+[A-Z])[_"{]', text)}
    tried = [*OWN, *SECRET]
    assert len(read) >= 10
    assert [name for name in sorted(read) if not any(one.startswith(name) for one in tried)] == []


def test_an_empty_token_is_named_in_a_row_of_outdated(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    host = publisher.url.split("/")[2].replace(".", "_").replace(":", "_")
    found = sandbox.run("outdated", env={f"TARKPM_GIT_TOKEN_{host}": ""}).failed(5)
    assert f"not checked: TARKPM_GIT_TOKEN_{host}: expected a value, found an empty string" in found.out


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
