"""A hint for every error that brings none, by its kind and place."""

import pytest

from tarkpm import errors
from tarkpm.cli.fallback_hints import last_resort
from tarkpm.cli.group import group, run
from tarkpm.cli.typed_command import typed_command
from tarkpm.errors import TarkError
from tarkpm.ops.change.admit import Declined

TELL = "tell the index maintainers; they run: tarkpm index check --deep"
ASK_FORGE = "tell the publisher, or choose another release: --tag, --branch or --rev"
FIX = "fix the file, then run the command again"


@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        # whatever the place
        (Declined("no"), "add", ""),
        (errors.KeyUntrusted("x", where="https://h/x"), "add", "ask the publisher over another channel which key is right"),
        (errors.LockError("x", where="/p/tark.lock"), "sync", "fix the file, then: tarkpm lock --check"),
        # an index
        (errors.IndexUntrusted("x", where="/srv/i/metadata/2.root.json"), "update", TELL),
        (errors.SourceError("x", where=f"https://h/files/{'a' * 64}"), "update", TELL),
        (errors.Unreachable("x", where="https://h/targets/index/a.json"), "update", "check the address: tarkpm index list"),
        (errors.IndexStale("x", where="https://h"), "update", "check the address: tarkpm index list"),
        # the maintainer's own index, which is a folder here
        (errors.IndexUntrusted("x", where="/srv/i/metadata/2.root.json"), "index refresh", "tarkpm index check"),
        (errors.IndexUntrusted("x", where="https://h/metadata/2.root.json"), "index add", TELL),
        (errors.SignatureInvalid("x", where="dist"), "index accept", "its publisher can sign it again: tarkpm publish --help"),
        (errors.ManifestError("x", where="dist"), "index accept", FIX),
        (errors.NotFound("x", where="dist"), "index rotate root", "tarkpm index rotate root --help"),
        # a repository
        (errors.Unreachable("x", where="https://h/a b"), "add", "try it with git: git ls-remote https://h/a"),
        (errors.NotFound("x", where="ssh://git@h/x.git HEAD"), "add", "try it with git: git ls-remote ssh://git@h/x.git"),
        (errors.ManifestError("x", where="https://h/x.git HEAD: plugin.toml"), "add", ASK_FORGE),
        (errors.DigestMismatch("x", where="https://h/x.git HEAD"), "add", ASK_FORGE),
        # a registry
        (errors.Unreachable("x", where="oci://h:5000/o/t:1.0.0"), "add", "see whether it answers: curl -I https://h:5000/v2/"),
        (errors.DigestMismatch("x", where="oci://h/o/t@sha256:0: config"), "sync", "tell the publisher, or choose another tag: tarkpm versions oci://h/o/t"),
        (errors.ModuleInvalid("x", where="oci://h/o/t:1.0.0"), "add", "tell the publisher, or choose another tag: tarkpm versions oci://h/o/t"),
        (errors.IndexUntrusted("x", where="oci://h/o/t:1.0.0"), "add", "tell the publisher, or choose another tag: tarkpm versions oci://h/o/t"),
        (errors.Unreachable("x", where="no.such.host"), "add", "check the address, then run the command again"),
        # this disk
        (errors.StoreError("x", where="/a/b c"), "sync", "ls -ld /a '/a/b c'"),
        (errors.StoreError("x", where="relative"), "sync", "tarkpm sync --help"),
        (errors.ManifestError("x", where="/a/plugin.toml"), "add", FIX),
        # somewhere
        (errors.NotFound("x", where="calc"), "add", "see the kinds of sources: tarkpm add --help"),
        (errors.PluginCrashed("x", where="calc: add"), "call", "tarkpm info calc"),
        (errors.PluginCrashed("x", where="my calc: add"), "call", "tarkpm call --help"),
        # nowhere
        (TarkError("x"), "call", "tarkpm call --help"),
        (TarkError("x"), "index revoke", "tarkpm index revoke --help"),
        (TarkError("x"), "", "tarkpm --help"),
    ],
)  # fmt: skip
def test_the_hint_of(error: TarkError, words: str, hint: str) -> None:
    assert last_resort(error, words.split()) == hint


def test_a_place_with_braces_or_quotes_is_quoted_for_a_shell() -> None:
    error = errors.StoreError("x", where="/a/{name}'; rm -rf ~")
    assert last_resort(error, ["sync"]) == """ls -ld /a '/a/{name}'"'"'; rm -rf ~'"""


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", ""),
        ("list --json", "list"),
        ("index", "index"),
        ("--json index claim calc", "index claim"),
        ("index rotate publisher calc", "index rotate publisher"),
        ("serve openai 0.0.0.0:80", "serve openai"),
        # a value is no command, whatever it is called
        ("--project list call add", "call"),
        ("call --project index add", "call"),
        ("index check --index list", "index check"),
        ("mcp --expose search connect codex", "mcp connect"),
        ("key -- list", "key"),
        ("nothing list", ""),
    ],
)
def test_the_command_that_was_typed(typed: str, words: str) -> None:
    assert typed_command(group, typed.split()) == words.split()


@pytest.mark.parametrize("command", ["add", "index add", "key export", "serve openai", "list"])
def test_an_option_without_its_value_is_an_error_of_its_command(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    option = {"add": "--tag", "index add": "--root", "key export": "--to", "serve openai": "--auth"}
    assert run([*command.split(), option.get(command, "--project")]) == 2
    said = capsys.readouterr().err
    assert f"  where: tarkpm {command}\n  help: tarkpm {command} --help\n" in said
