"""Whatever is wrong, one error says what, where and what helps; nothing is changed and no traceback shown."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from attacks.tampering import unchanged
from conftest import Publisher
from support.sandbox import Result, Sandbox

from tarkpm.cli.fallback_hints import last_resort
from tarkpm.errors import (
    DigestMismatch,
    IndexUntrusted,
    KeyUntrusted,
    PluginCrashed,
    SignatureInvalid,
    StoreError,
    TarkError,
    Unreachable,
)
from tarkpm.ops.change.admit import Declined

THREE_THINGS = re.compile(r"error: (?P<what>.+)\n  where: (?P<where>.+)\n  help: (?P<help>.+)\n")


def says(result: Result, status: int, what: str, where: str, help: str) -> None:  # noqa: A002  as it is printed
    """Assert that a result is exactly one error, of three parts that begin so."""
    result.failed(status)
    found = THREE_THINGS.fullmatch(result.err)
    assert found, result
    assert found["what"].startswith(what), result
    assert where in found["where"], result
    assert found["help"].startswith(help), result


TYPED = {
    "an unknown command": (["frobnicate"], "there is no command 'frobnicate'", "tarkpm", "tarkpm --help"),
    "an unknown type": (["list", "--type", "x"], "invalid value for '--type'", "tarkpm list", "tarkpm list --help"),
    "two places": (["list", "--user", "--project", "."], "expected --project or --user", "tarkpm list", "tarkpm list"),
    "a bad name": (["info", "a b"], "expected a URL, a name or a folder", "tarkpm info", "tarkpm info --help"),
    "a bad version": (["init", "--tark-version", "x"], "expected a version like 1.2.3", "--tark-version", "tarkpm init"),
    "a bad key": (["add", "./x", "--trust", "y"], "expected ed25519: and 44", "--trust", "tarkpm add --help"),
    "a bad capability": (["grant", "x", "fly"], "expected one of storage, http", "fly", "tarkpm grant --help"),
    "a bad key name": (["key", "generate", "--name", "a/b"], "expected a key name", "tarkpm key generate", "tarkpm key generate --help"),
    "a short rev": (["add", "https://h/x", "--rev", "abc"], "--rev expects a full commit id", "tarkpm add", "tarkpm add --help"),
    "a strange scheme": (["add", "ftp://h/x"], "unknown scheme 'ftp'", "ftp://h/x", "see the kinds of sources: tarkpm add --help"),
    "no such folder": (["add", "./none"], "the folder does not exist", "none", "see the kinds of sources: tarkpm add --help"),
    "no such file": (["call", "x", "y", "@none"], "there is no such file", "none", "tarkpm call --help"),
    "no file": (["call", "x", "y", "@/dev/zero"], "expected a regular file", "/dev/zero", "name a regular file, or pass - to read standard input"),
    "half of github": (["add", "github:x"], "expected github:owner/repo or ", "tarkpm add", "tarkpm add --help"),
}  # fmt: skip


@pytest.mark.parametrize("case", TYPED)
def test_what_was_typed_is_wrong(sandbox: Sandbox, case: str) -> None:
    sandbox.init()
    arguments, *said = TYPED[case]
    with unchanged(sandbox):
        says(sandbox.run(*arguments), 2, *said)


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("[tark", "not valid TOML", "tark.toml"),
        ("[tark]\nversion = 1\n", "expected a string, found an integer", "tark.toml: tark.version"),
        ("[tark]\nfoo = 1\n", "'foo' is not a known key", "tark.toml: tark"),
        ('[plugins]\na = { path = "." }\n[trust]\na = ["x"]\n', "expected ed25519:", "tark.toml: trust.a"),
    ],
)
def test_the_project_is_malformed(sandbox: Sandbox, text: str, what: str, where: str) -> None:
    (sandbox.cwd / "tark.toml").write_text(text)
    with unchanged(sandbox):
        says(sandbox.run("sync"), 2, what, where, "fix the file, then: tarkpm lock --check")


def test_a_server_is_not_there(sandbox: Sandbox) -> None:
    sandbox.init()
    url = "http://127.0.0.1:9/x.git"
    with unchanged(sandbox):
        refused = "cannot connect: connection refused"
        says(sandbox.run("add", url), 5, refused, url, f"try it with git: git ls-remote {url}")
        offline = sandbox.run("add", url, "--offline")
        says(offline, 5, "--offline forbids network requests", url, "run the command again with a network")


def _malformed(folder: Path) -> None:
    (folder / "plugin.toml").write_text("[plugin")


def _another_type(folder: Path) -> None:
    path = folder / "plugin.toml"
    path.write_text(path.read_text().replace('"tool"', '"fly"'))


def _no_statement(folder: Path) -> None:
    (folder / "plugin.dsse.json").write_text("{}")


def _a_byte_more(folder: Path) -> None:
    path = folder / "plugin.wasm"
    path.write_bytes(path.read_bytes() + b"\0\2\1x")


def _not_wasm(folder: Path) -> None:
    (folder / "plugin.wasm").write_bytes(b"hello")


PUBLISHER = "tell the publisher"
RELEASES: dict[str, tuple[Callable[[Path], None], int, str, str, str]] = {
    "malformed": (_malformed, 2, "not valid TOML", "HEAD: plugin.toml", PUBLISHER),
    "of no type": (_another_type, 2, "expected one of auth", "plugin.toml: plugin.type", PUBLISHER),
    "with a malformed statement": (_no_statement, 3, "the release statement is", "HEAD: plugin.dsse.json", PUBLISHER),
    "with other bytes": (_a_byte_more, 3, "'plugin.wasm' has 9005 bytes", "HEAD", PUBLISHER),
    "without plugin.toml": (lambda f: (f / "plugin.toml").unlink(), 2, "no plugin.toml in", "HEAD", "name the folder"),
    "without its module": (lambda f: (f / "plugin.wasm").unlink(), 2, "the module 'plugin.wasm' that plugin.toml names does not exist", "plugin.wasm", "build"),
    "not of wasm": (_not_wasm, 3, "'plugin.wasm' has 5", "HEAD", PUBLISHER),
}  # fmt: skip


@pytest.mark.parametrize("case", RELEASES)
def test_a_release_is_bad(sandbox: Sandbox, publisher: Publisher, case: str) -> None:
    publisher.release()
    spoil, status, what, where, help_ = RELEASES[case]
    spoil(publisher.folder)
    publisher.repo.git("add", "--all")
    publisher.repo.commit("spoilt")
    publisher.publish()
    sandbox.init()
    with unchanged(sandbox):
        says(sandbox.run("add", publisher.url), status, what, where, help_)


@pytest.mark.parametrize(
    ("problem", "help_"),
    [
        (StoreError("permission denied", where="/a/b c"), "ls -ld /a '/a/b c'"),
        (KeyUntrusted("another key", where="https://h/x HEAD"), "ask the publisher over another channel"),
        (
            IndexUntrusted("bad", where="/srv/idx/metadata/2.root.json"),
            "tell the index maintainers; they run: ",
        ),
        (
            Unreachable("down", where="http://h/metadata/2.root.json"),
            "check the address: tarkpm index list",
        ),
        (DigestMismatch("bad", where=f"http://h/files/{'a' * 64}"), "tell the index maintainers; they run: "),
        (PluginCrashed("it trapped", where="x: y"), "tarkpm info x"),
        (
            SignatureInvalid("malformed", where="/a/plugin.dsse.json"),
            "fix the file, then run the command again",
        ),
        (Declined("declined: nothing was changed"), ""),
        (TarkError("something else"), "tarkpm call --help"),
    ],
)
def test_a_kind_of_error_has_a_help_of_last_resort(problem: TarkError, help_: str) -> None:
    found = last_resort(problem, ["call"])
    assert found.startswith(help_)
    assert bool(found) == bool(help_)
