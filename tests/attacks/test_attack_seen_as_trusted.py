"""A clone whose tark.toml trusts a stranger's key: `info` must not say that the key is trusted here."""

import shutil

from conftest import Publisher
from support.indexed import IndexedProject
from support.sandbox import Sandbox


def clone(sandbox: Sandbox) -> Sandbox:
    """Somebody who has the project's documents and accepted nothing."""
    other = Sandbox(sandbox.root / "other")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, other.cwd)
    return other


def test_a_key_that_only_the_clone_trusts(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    assert sandbox.run("info", publisher.url, "--json").ok().json["trust"] == "trusted"
    other = clone(sandbox)
    assert other.run("info", publisher.url, "--json").ok().json["trust"] == "unknown"
    assert "NOT trusted yet" in other.run("info", publisher.url).ok().out
    # What is locked is not even fetched before the project is accepted.
    other.run("info", "text-tools").failed(4, "not accepted")
    other.run("accept", "--accept-project").ok()
    assert other.run("info", "text-tools", "--json").ok().json["trust"] == "trusted"


def test_an_index_that_only_the_clone_names(indexed: IndexedProject) -> None:
    indexed.release("word-count")
    indexed.use()
    indexed.sandbox.run("add", "word-count").ok()
    other = clone(indexed.sandbox)
    asked = len(indexed.server.paths)
    for verb in ("info", "inspect", "versions"):
        other.run(verb, "community:word-count").failed(4, "not accepted")
    assert len(indexed.server.paths) == asked
