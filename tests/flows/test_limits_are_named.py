"""What is too long is an error that names its limit: nothing is cut off in silence."""

import json
from pathlib import Path

import pytest
from support.sandbox import Sandbox

from tarkpm.cli.text_args import MAX_TEXT
from tarkpm.core.contributes import MAX_LINES, contributions, events
from tarkpm.core.contributes import MAX_TEXT as MAX_SHOWN
from tarkpm.core.document import decode_json
from tarkpm.core.text import MAX_DIGITS
from tarkpm.errors import DocumentError, HostError, TooLarge
from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.run.credentials import MAX_FILE, CredentialsFile
from tarkpm.sources.folder import MAX_EXTRAS, collect
from tarkpm.sources.path import LocalTree

READERS = {
    "a prompt": ["chat", "p"],
    "the arguments of a tool": ["call", "p", "t"],
    "the payload of a hook": ["hook", "run", "event"],
    "a message": ["channel", "send", "p", "c"],
    "the credentials of a channel": ["channel", "auth", "p"],
}


def json_text(length: int) -> str:
    return '"' + "x" * (length - 2) + '"'


@pytest.mark.parametrize("what", READERS)
def test_standard_input(sandbox: Sandbox, what: str) -> None:
    sandbox.init()
    group = f" {READERS[what][1]}" if READERS[what][0] in ("hook", "channel") else ""
    refused = sandbox.run(*READERS[what], "-", stdin=json_text(MAX_TEXT + 1)).failed(
        2, f"error: the input has more than {MAX_TEXT:,} bytes"
    )
    assert "where: standard input\n" in refused.err
    assert refused.err.endswith(f"help: tarkpm {READERS[what][0]}{group} --help\n")
    fits = sandbox.run(*READERS[what], "-", stdin=json_text(MAX_TEXT))
    assert "more than" not in fits.err, fits


@pytest.mark.parametrize("what", [what for what in READERS if what != "a prompt"])
def test_a_file(sandbox: Sandbox, what: str) -> None:
    sandbox.init()
    (sandbox.cwd / "long.json").write_text(json_text(MAX_TEXT + 1))
    refused = sandbox.run(*READERS[what], "@long.json").failed(
        2, f"error: the file has more than {MAX_TEXT:,} bytes"
    )
    assert "where: long.json\n" in refused.err


def test_a_prompt_that_is_long_by_its_blanks_is_not_cut_to_fit(sandbox: Sandbox) -> None:
    sandbox.init()
    text = "x" * 1_000_000 + " " * 100_000 + "THE QUESTION"
    sandbox.run("chat", "p", "-", stdin=text).failed(2, "the input has more than")


def test_a_number_of_too_many_digits(sandbox: Sandbox) -> None:
    sandbox.init()
    for digits in ("9" * (MAX_DIGITS + 1), "-" + "9" * (MAX_DIGITS + 1)):
        refused = sandbox.run("call", "p", "t", "-", stdin=digits).failed(
            2, f"the arguments are not JSON: a number has more than {MAX_DIGITS:,} digits"
        )
        assert "set_int_max_str_digits" not in refused.err
        with pytest.raises(DocumentError, match=f"a number has more than {MAX_DIGITS:,} digits"):
            decode_json(digits.encode(), int, where="x", error=DocumentError, limit=1 << 20)
    assert "digits" not in sandbox.run("call", "p", "t", "-", stdin="9" * MAX_DIGITS).err


def test_the_licences_of_an_unsigned_plugin(sandbox: Sandbox) -> None:
    folder = sandbox.root / "many"
    sandbox.plugin(folder, name="many")
    for number in range(MAX_EXTRAS):
        (folder / f"LICENSE-{number}").write_text("MIT")
    assert len(collect(LocalTree(folder), "", where="w").files) == MAX_EXTRAS + 2
    (folder / "README").write_text("read me")
    with pytest.raises(TooLarge) as raised:
        collect(LocalTree(folder), "", where="w")
    assert raised.value.message == f"expected at most {MAX_EXTRAS} files named LICENSE* or README*, found 9"


def test_a_signed_plugin_consists_of_what_its_statement_lists(sandbox: Sandbox) -> None:
    folder = sandbox.root / "many"
    sandbox.key("k")
    sandbox.plugin(folder, name="many", sign="k")
    for number in range(MAX_EXTRAS + 1):
        (folder / f"LICENSE-{number}").write_text("MIT")
    assert set(collect(LocalTree(folder), "", where="w").files) >= {"plugin.toml", "plugin.wasm"}


def test_what_a_plugin_claims_is_cut_visibly() -> None:
    many = contributions({"providers": ["x" * 300, *map(str, range(MAX_LINES))]})
    assert many[0] == f"providers: {'x' * 300}"[: MAX_SHOWN - 1] + "…"
    assert many[-1] == "… (1 more)"
    assert len(events({"events": ["a"] * MAX_LINES})) == MAX_LINES


def test_a_plugin_toml(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.init()
    sandbox.plugin(sandbox.cwd / "big", name="big")
    with (sandbox.cwd / "big/plugin.toml").open("a") as file:
        file.write("#" * (1 << 18))
    sandbox.run("add", "./big").failed(2, "the limit is 262144")


def test_a_credentials_file(tmp_path: Path) -> None:
    """A part of it would be another file: a token without its end, or without its refresh token."""
    environment = {"HOME": str(tmp_path)}
    settings = Settings(cwd=tmp_path, paths=user_paths(environment), environment=environment)
    folder = tmp_path / ".config/tark"
    folder.mkdir(parents=True)
    file = CredentialsFile("~/.config/tark/x_oauth.json", settings.home, settings.guard, may_create=True)
    text = json.dumps({"access_token": "a"})
    (folder / "x_oauth.json").write_text(text.ljust(MAX_FILE))
    assert file.read() == text.ljust(MAX_FILE)
    (folder / "x_oauth.json").write_text(text.ljust(MAX_FILE + 1))
    with pytest.raises(HostError, match="the file is larger than 64 KiB"):
        file.read()
