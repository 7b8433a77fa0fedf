"""A lock or a tark.toml, edited by hand or by somebody else, does not make an index's release anything it is not."""

import shutil
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.indexed import IndexedProject
from support.indexrepo import IndexRepo, public
from support.sandbox import WASM, Sandbox

from tarkpm.core.claim import Claim
from tarkpm.core.release import PluginName

OTHER_ROOT = "sha256:" + "0" * 64


@pytest.fixture
def installed(indexed: IndexedProject) -> IndexedProject:
    """text-tools, which needs json-core, installed from the index."""
    indexed.release("json-core")
    indexed.release("text-tools", "1.0.0", '[dependencies]\njson-core = "^1"')
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    return indexed


def edit(sandbox: Sandbox, name: str, old: str, new: str) -> None:
    file = sandbox.cwd / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def refused(sandbox: Sandbox, status: int, *sentences: str, plugin: str = "text-tools") -> None:
    """sync, verify and call all refuse, and nothing of it is installed."""
    sandbox.run("sync").failed(status, *sentences)
    assert sandbox.run("verify").status in (1, 3)
    called = sandbox.run("call", plugin, "text-stats", '{"text":"a"}')
    assert called.status in (1, 2, 3, 5), called


def test_a_source_with_another_root(installed: IndexedProject) -> None:
    sandbox = installed.sandbox
    edit(sandbox, "tark.lock", installed.repo.root_digest, OTHER_ROOT)
    asked = f"index community with root {installed.repo.root_digest}"
    refused(
        sandbox, 1, f"is locked from index community with root {OTHER_ROOT}, but tark.toml requires {asked}"
    )


def test_a_dependency_moved_to_another_index(installed: IndexedProject, tmp_path: Path) -> None:
    sandbox = installed.sandbox
    evil = IndexRepo(tmp_path / "evil")
    evil.release("json-core", "1.9.0", evil.claim("json-core"), wasm=WASM)
    evil.publish()
    sandbox.run("index", "add", "evil", "../evil", "--root", evil.root_digest).ok()
    head, _, rest = (sandbox.cwd / "tark.lock").read_text().partition('name = "json-core"')
    rest = rest.replace(
        f'index = "community", root = "{installed.repo.root_digest}"',
        f'index = "evil", root = "{evil.root_digest}"',
        1,
    )
    (sandbox.cwd / "tark.lock").write_text(f'{head}name = "json-core"{rest}')
    refused(
        sandbox, 1, "'json-core' is locked from index evil, but 'text-tools' requires it from index community"
    )


def test_an_entry_nothing_leads_to(installed: IndexedProject) -> None:
    sandbox = installed.sandbox
    edit(sandbox, "tark.toml", 'text-tools = "^1.0.0"', 'json-core = "^1.0.0"')
    refused(sandbox, 1, "'text-tools' is in tark.lock, but nothing in tark.toml requires it")


def test_a_dependency_taken_out(installed: IndexedProject) -> None:
    sandbox = installed.sandbox
    text = (sandbox.cwd / "tark.lock").read_text()
    head, first, second = text.split("[[plugin]]\n")
    assert 'name = "json-core"' in first
    (sandbox.cwd / "tark.lock").write_text(f"{head}[[plugin]]\n{second}")
    refused(sandbox, 1, "'text-tools' requires 'json-core ^1', which is not in tark.lock")


def test_a_release_its_index_does_not_vouch_for_with_the_thiefs_signature_and_digests(
    installed: IndexedProject, tmp_path: Path
) -> None:
    """The lock names a release signed by a thief, which an index of the thief's serves under the same name."""
    sandbox, thief = installed.sandbox, Ed25519PrivateKey.generate()
    evil = IndexRepo(tmp_path / "evil")
    evil.release("json-core", "1.0.0", evil.claim("json-core", thief), wasm=WASM)
    evil.publish()
    other = Sandbox(tmp_path / "thief")
    other.init()
    other.run("index", "add", "community", str(evil.folder), "--root", evil.root_digest).ok()
    other.run("add", "json-core").ok()
    forged = (other.cwd / "tark.lock").read_text().replace(evil.root_digest, installed.repo.root_digest)
    head, _, second = (sandbox.cwd / "tark.lock").read_text().split("[[plugin]]\n")
    (sandbox.cwd / "tark.lock").write_text(
        f"{head}[[plugin]]\n{forged.split('[[plugin]]')[1].strip()}\n\n[[plugin]]\n{second}"
    )
    for digest in (evil.folder / "files").iterdir():
        shutil.copy(digest, installed.repo.folder / "files")
    refused(
        sandbox,
        3,
        f"'json-core' 1.0.0 is signed by {public(thief)}, which may not publish it in index community",
        plugin="json-core",
    )


def test_a_revoked_release_is_an_error_everywhere_also_offline(installed: IndexedProject) -> None:
    sandbox, repo = installed.sandbox, installed.repo
    row = repo.listings["text-tools"].rows[0]
    key = installed.keys["text-tools"]
    repo.put_claim(Claim(PluginName("text-tools"), public(key), {}, frozenset({row.statement.sha256})))
    repo.publish()
    sentence = "'text-tools' 1.0.0 was revoked by the maintainers of index community"
    assert sandbox.run("outdated", "--json").json["plugins"][0]["warning"] == "revoked"
    sandbox.run("sync", "--offline").failed(3, sentence)
    sandbox.run("verify").failed(3, sentence)
    sandbox.run("call", "text-tools", "text-stats", '{"text":"a"}').failed(3, sentence)
    repo.put_claim(Claim(PluginName("text-tools"), public(key)))  # the index takes it back: too late
    repo.publish()
    sandbox.run("outdated")
    sandbox.run("sync").failed(3, sentence)
    installed.release("text-tools", "1.0.1", '[dependencies]\njson-core = "^1"')
    sandbox.run("update").ok()
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()


def test_a_key_the_maintainers_rotated_blocks_until_it_is_accepted(installed: IndexedProject) -> None:
    sandbox, repo = installed.sandbox, installed.repo
    row, old, new = (
        repo.listings["text-tools"].rows[0],
        installed.keys["text-tools"],
        Ed25519PrivateKey.generate(),
    )
    retired = {public(old): frozenset({row.statement.sha256})}
    repo.claim("text-tools", new, retired=retired)
    installed.keys["text-tools"] = new
    installed.release("text-tools", "1.1.0", '[dependencies]\njson-core = "^1"')
    sandbox.run("sync").ok()
    sandbox.run("update", "-y").failed(
        4,
        f"'text-tools' is signed by a different key: expected {public(old)}, found {public(new)}",
        f"--trust {public(new)}",
    )
    sandbox.run("verify").ok()
    sandbox.run("update", "--trust", public(new)).ok()
    sandbox.run("verify").ok()


@pytest.mark.parametrize("change", ["url", "root"])
def test_a_project_that_changes_its_index_asks_again(installed: IndexedProject, change: str) -> None:
    sandbox = installed.sandbox
    if change == "url":
        edit(sandbox, "tark.toml", installed.server.url, "https://evil.example")
    else:
        edit(sandbox, "tark.toml", installed.repo.root_digest, OTHER_ROOT)
        edit(sandbox, "tark.lock", installed.repo.root_digest, OTHER_ROOT)
    asked = len(installed.server.paths)
    for verb in ("sync", "update", "outdated", "search x"):
        sandbox.run(*verb.split(), "-y" if verb == "update" else "--json").failed(
            4, "take plugins from the index 'community' at"
        )
    assert len(installed.server.paths) == asked


def test_a_dependency_is_never_looked_for_in_another_index(indexed: IndexedProject, tmp_path: Path) -> None:
    """Dependency confusion: a private index needs `internal`, which a public one offers in a higher version."""
    sandbox = indexed.sandbox
    private = IndexRepo(tmp_path / "private")
    private.release("tool", "1.0.0", private.claim("tool"), wasm=WASM, more='[dependencies]\ninternal = "*"')
    private.publish()
    indexed.release("internal", "9.9.9")
    indexed.use()
    sandbox.run("index", "add", "private", "../private", "--root", private.root_digest).ok()
    sandbox.run("add", "private:tool").failed(2, "internal")
    assert "internal" not in (sandbox.cwd / "tark.toml").read_text()
    private.release("internal", "0.1.0", private.claim("internal"), wasm=WASM)
    private.publish()
    assert "added internal 0.1.0" in sandbox.run("add", "private:tool").ok().out
    sandbox.run("update").ok()
    assert 'version = "0.1.0"' in (sandbox.cwd / "tark.lock").read_text()


def test_an_index_that_lists_a_release_otherwise_than_it_was_signed(indexed: IndexedProject) -> None:
    """An online thief can make the index say that a plugin needs nothing, or something else."""
    indexed.release("json-core")
    indexed.release("text-tools", "1.0.0", '[dependencies]\njson-core = "^1"')
    listing = indexed.repo.listings["text-tools"]
    forged = msgspec.structs.replace(listing.rows[0], requires=())
    indexed.repo.put_listing(msgspec.structs.replace(listing, rows=(forged,)))
    indexed.repo.publish()
    indexed.use()
    indexed.sandbox.run("add", "text-tools").failed(
        3, "the index entry of 'text-tools' 1.0.0 differs from what its publisher signed"
    )
