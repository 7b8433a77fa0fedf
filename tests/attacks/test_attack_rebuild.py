"""Attack: a release names a source so that a rebuild of it says more than it shows, or runs the source's code."""

import json
from pathlib import Path

import pytest
from support.gitserver import GitServer
from support.rebuilding import NAME, Author
from support.sandbox import WASM, Sandbox

from tarkpm.core import statement
from tarkpm.core.built_from import BuiltFrom
from tarkpm.core.digest import FileEntry
from tarkpm.core.manifest import Manifest
from tarkpm.errors import SignatureInvalid
from tarkpm.store.keys import KeyStore


@pytest.fixture
def author(sandbox: Sandbox, server: GitServer) -> Author:
    """The attacker, whose releases people rebuild."""
    sandbox.init()
    return Author(sandbox, server)


def release_of(author: Author, commit: str, **more: str) -> None:
    """Sign what is in the folder and some module, naming any commit, and publish it."""
    (author.folder / "plugin.wasm").write_bytes(WASM)
    files = [FileEntry.of(path.name, path.read_bytes()) for path in author.folder.glob("plugin.[tw]*")]
    key, signer = KeyStore.in_state(author.sandbox.state).load("author", bytes)
    source = BuiltFrom(author.url, commit, NAME, **more)
    manifest = Manifest.parse((author.folder / "plugin.toml").read_bytes(), where="x")
    envelope = statement.sign(manifest.name, manifest.version, files, key=key, signer=signer, source=source)
    (author.folder / "plugin.dsse.json").write_bytes(envelope)
    author.commit("release")
    author.push()


def test_a_commit_of_a_fork_under_the_url_of_a_repository_people_trust(author: Author) -> None:
    """A forge serves it by its id, but none of the repository's refs leads to it."""
    honest = author.repo.rev("HEAD")
    author.repo.branch("fork")
    author.repo.checkout("fork")
    author.edit("word", "evil")
    evil = author.commit("a fork's")
    author.repo.checkout("main")
    author.repo.git("update-ref", "refs/pull/1/head", evil)
    author.repo.git("branch", "-D", "fork")
    release_of(author, evil)
    refused = author.rebuild()
    refused.failed(3, f"commit {evil} is neither in the history of HEAD nor in that of a tag of 0.1.0")
    release_of(author, honest)
    assert "DIFFERS" in author.rebuild().out, "it is built: HEAD leads there"


def test_a_module_that_is_its_own_source(author: Author) -> None:
    """That it is equal to itself would count as a rebuild."""
    (author.folder / "core.wasm").write_bytes(WASM)
    with (author.folder / "plugin.toml").open("a") as manifest:
        manifest.write('\n[build]\nsource = "core.wasm"\n')
    release_of(author, author.commit("prebuilt"))
    author.rebuild().failed(2, "the source is the module 'core.wasm'", "there is nothing to rebuild")


def test_a_build_script_is_not_run(author: Author) -> None:
    proof = author.sandbox.root / "proof"
    (author.folder / "Cargo.toml").write_text(
        '[package]\nname = "w"\nversion = "0.1.0"\nbuild = "build.rs"\n'
    )
    (author.folder / "build.rs").write_text(f'fn main() {{ std::fs::write("{proof}", "").unwrap(); }}\n')
    with (author.folder / "plugin.toml").open("a") as manifest:
        manifest.write('\n[build]\nsource = "Cargo.toml"\n')
    release_of(author, author.commit("cargo"))
    result = author.rebuild("--json")
    assert result.json["error"]["code"] in ("Refused", "ToolchainMissing"), result
    assert not proof.exists()


def test_a_source_embeds_no_file_of_this_user(author: Author) -> None:
    secret = author.sandbox.home / "id"
    secret.write_text("s3cret-of-this-user")
    with (author.folder / "plugin.c").open("a") as source:
        source.write(f'\nconst unsigned char embedded[] = {{\n#embed "{secret}"\n}};\n')
    release_of(author, author.commit("embeds"))
    author.rebuild().failed(1, "the source reads a file outside the plugin's folder")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("git", "file:///home/you/private"),
        ("git", "ssh://git@example.com/o/w"),
        ("git", "ext::sh -c true"),
        ("git", "https://user:password@example.com/o/w"),
        ("git", "HTTPS://EXAMPLE.com/o/w"),
        ("commit", "main"),
        ("commit", "--upload-pack=x"),
        ("path", "../other"),
        ("path", "/etc"),
        ("path", ".git"),
        ("toolchain", "zig\x1b[2J"),
        ("toolchain", "z" * 81),
        ("more", "x"),
    ],
)
def test_a_source_that_no_publisher_writes(key: str, value: str) -> None:
    table = {"git": "https://example.com/o/w", "commit": "a" * 40, key: value}
    files = [{"name": name, "digest": {"sha256": "0" * 64}} for name in ("plugin.toml", "plugin.wasm")]
    payload = {
        "_type": statement.STATEMENT_TYPE,
        "subject": files,
        "predicateType": statement.PREDICATE_TYPE,
        "predicate": {
            "name": "w", "version": "1.0.0", "sizes": {"plugin.toml": 1, "plugin.wasm": 1}, "source": table,
        },
    }  # fmt: skip
    text = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(SignatureInvalid, match="the release statement is malformed"):
        statement.parse_statement(text, where="x")


def test_two_files_of_a_commit_that_are_one(author: Author, tmp_path: Path) -> None:
    (author.folder / "PLUGIN.c").write_text("other")
    release_of(author, author.commit("twice"))
    author.rebuild().failed(2, "are one file on some systems")
