"""A genuine statement put beside bytes it was not made for: another plugin's, an older version's."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Publisher
from support.gitserver import GitServer
from support.sandbox import Sandbox

from attacks.tampering import commit_as, install, unchanged

STATEMENT = "plugin.dsse.json"


def _add(sandbox: Sandbox, publisher: Publisher, tag: str, status: int, *texts: str) -> None:
    """Add what must be refused although the key is accepted; nothing may change."""
    with unchanged(sandbox):
        sandbox.run(
            "add", publisher.url, "--tag", tag, "--trust", publisher.key, "--accept-capabilities"
        ).failed(status, *texts)
    assert not list(sandbox.plugins.glob("*"))


def test_another_plugins_statement(sandbox: Sandbox, server: GitServer, publisher: Publisher) -> None:
    sandbox.init()
    other = Publisher(sandbox, server, "other")
    other.release()
    publisher.key = other.key
    publisher.release()
    shutil.copy(other.folder / STATEMENT, publisher.folder / STATEMENT)
    commit_as(publisher, "mixed")
    _add(sandbox, publisher, "mixed", 3, "'plugin.toml' has", "expected")


def test_another_plugins_statement_and_manifest(
    sandbox: Sandbox, server: GitServer, publisher: Publisher
) -> None:
    """Then it is the other plugin, from another source: its name says so, and its key must be accepted."""
    other = Publisher(sandbox, server, "other")
    other.release()
    publisher.key = other.key
    publisher.release()
    install(sandbox, publisher)
    for name in (STATEMENT, "plugin.toml"):
        shutil.copy(other.folder / name, publisher.folder / name)
    commit_as(publisher, "mixed")
    with unchanged(sandbox):
        sandbox.run("add", publisher.url, "--tag", "mixed").failed(
            4, "the signing key of 'other' is not trusted yet"
        )


@pytest.mark.parametrize(("statement_of", "files_of"), [("1.0.0", "1.1.0"), ("1.1.0", "1.0.0")])
def test_one_versions_statement_over_anothers_files(
    sandbox: Sandbox, publisher: Publisher, statement_of: str, files_of: str
) -> None:
    sandbox.init()
    kept = sandbox.root / "kept"
    for version in ("1.0.0", "1.1.0"):
        publisher.release(version)
        shutil.copytree(publisher.folder, kept / version, ignore=shutil.ignore_patterns(".git"))
    for name in ("plugin.toml", "plugin.wasm"):
        shutil.copy(kept / files_of / name, publisher.folder / name)
    shutil.copy(kept / statement_of / STATEMENT, publisher.folder / STATEMENT)
    commit_as(publisher, "mixed")
    _add(sandbox, publisher, "mixed", 3, "'plugin.toml' has sha256")


def test_an_older_module_under_a_newer_statement_on_update(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release("1.0.0")
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    publisher.release("1.1.0")
    (publisher.folder / "plugin.wasm").write_bytes(b"\0asm\x0d\0\x01\0")
    commit_as(publisher, "mixed")
    with unchanged(sandbox):
        sandbox.run("update").failed(3, "'plugin.wasm' has 8 bytes, expected")


def _flip_payload(table: dict[str, str]) -> None:
    raw = bytearray(base64.b64decode(table["payload"]))
    raw[raw.index(b"1.0.0")] ^= 8
    table["payload"] = base64.b64encode(bytes(raw)).decode()


def _flip_signature(table: dict[str, list[dict[str, str]]]) -> None:
    raw = bytearray(base64.b64decode(table["signatures"][0]["sig"]))
    raw[0] ^= 1
    table["signatures"][0]["sig"] = base64.b64encode(bytes(raw)).decode()


@pytest.mark.parametrize("change", [_flip_payload, _flip_signature])
def test_a_flipped_byte_in_the_statement_at_the_source(
    sandbox: Sandbox, publisher: Publisher, change: Callable[[object], None]
) -> None:
    sandbox.init()
    publisher.release()
    path = publisher.folder / STATEMENT
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table, separators=(",", ":")) + "\n")
    commit_as(publisher, "flipped")
    _add(sandbox, publisher, "flipped", 3, f"the signature by {publisher.key} is not valid")


def test_another_key_named_in_a_genuine_statement(sandbox: Sandbox, publisher: Publisher) -> None:
    """The keyid is not signed; but a signature holds for one key only."""
    sandbox.init()
    publisher.release()
    evil = sandbox.key("evil")
    path = publisher.folder / STATEMENT
    path.write_text(path.read_text().replace(publisher.key, evil))
    commit_as(publisher, "renamed")
    with unchanged(sandbox):
        sandbox.run(
            "add", publisher.url, "--tag", "renamed", "--trust", evil, "--accept-capabilities"
        ).failed(3, f"the signature by {evil} is not valid")


def test_every_byte_of_the_statement_matters(sandbox: Sandbox, tmp_path: Path) -> None:
    """One bit flipped anywhere in the envelope never leaves a statement that is accepted as another."""
    from tarkpm.core import statement
    from tarkpm.errors import SignatureInvalid

    sandbox.key()
    data = (sandbox.plugin(tmp_path / "plugin", sign="release") / STATEMENT).read_bytes()
    good = statement.verify(data)
    survived = []
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 1
        try:
            found = statement.verify(bytes(bad))
        except SignatureInvalid:
            continue
        assert found == good
        survived.append(chr(data[at]))
    assert survived == []  # not even white space: the last byte flipped is no white space either
