"""One plugin under another's name: by a rename at the source, or by spelling - as _."""

import pytest
from conftest import Publisher
from support.gitserver import GitServer
from support.sandbox import Sandbox

from attacks.tampering import install, rename, unchanged


def _other(sandbox: Sandbox, server: GitServer, name: str, key: str) -> Publisher:
    other = Publisher(sandbox, server, name)
    other.key = key
    return other


def test_two_names_that_are_one(sandbox: Sandbox, server: GitServer, publisher: Publisher) -> None:
    publisher.release()
    install(sandbox, publisher)
    other = _other(sandbox, server, "text_tools", publisher.key)
    other.release()
    with unchanged(sandbox):
        refused = sandbox.run(
            "add", other.url, "--tag", "v1.0.0", "--trust", other.key, "--accept-capabilities"
        )
        assert refused.status == 2, refused
        assert "are the same name" in refused.err


def test_two_names_that_are_one_in_one_add(sandbox: Sandbox, server: GitServer, publisher: Publisher) -> None:
    publisher.release()
    other = _other(sandbox, server, "text_tools", publisher.key)
    other.release()
    sandbox.init()
    with unchanged(sandbox):
        refused = sandbox.run(
            "add", publisher.url, other.url, "--trust", publisher.key, "--accept-capabilities"
        )
        assert refused.status == 2, refused
        assert "are the same name" in refused.err


def test_two_names_that_are_one_in_tark_toml(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    install(sandbox, publisher)
    path = sandbox.cwd / "tark.toml"
    path.write_text(path.read_text().replace("[plugins]\n", '[plugins]\ntext_tools = { path = "./x" }\n'))
    with unchanged(sandbox):
        for command in ("sync", "verify", "list", "update"):
            sandbox.run(command).failed(2, "'text-tools' and 'text_tools' are the same name")


def test_a_source_that_turns_into_another_plugin(sandbox: Sandbox, publisher: Publisher) -> None:
    """What was asked for is text-tools; an update must not bring a plugin of another name instead."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    rename(publisher, "other", "2.0.0")
    with unchanged(sandbox):
        refused = sandbox.run("update", "text-tools", "--trust", publisher.key, "--accept-capabilities")
        assert refused.status != 0, refused


def test_a_source_that_turns_into_an_installed_plugin(
    sandbox: Sandbox, server: GitServer, publisher: Publisher
) -> None:
    """One publisher, two plugins: an update of the one must not move the other to its repository."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    other = _other(sandbox, server, "other", publisher.key)
    other.release()
    sandbox.run("add", other.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    rename(publisher, "other", "2.0.0")
    with unchanged(sandbox):
        refused = sandbox.run("update", "text-tools")
        assert refused.status != 0, refused


def test_a_requirement_under_another_name_than_the_plugins(sandbox: Sandbox, publisher: Publisher) -> None:
    """tark.toml asks for 'nickname'; the source holds text-tools. The error must say so."""
    publisher.release()
    sandbox.init()
    path = sandbox.cwd / "tark.toml"
    path.write_text(path.read_text() + f'[plugins]\nnickname = {{ git = "{publisher.url}" }}\n')
    sandbox.run("lock", "--accept-project")  # agreed is to the URL
    with unchanged(sandbox):
        refused = sandbox.run("lock", "--trust", publisher.key, "--accept-capabilities")
        assert refused.status != 0
        assert "'nickname'" in refused.err
        assert "'text-tools'" in refused.err


@pytest.mark.parametrize("name", ["Text-Tools", "TEXT-TOOLS"])
def test_upper_case_is_the_same_plugin(sandbox: Sandbox, publisher: Publisher, name: str) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    rename(publisher, name, "1.1.0", sign="")
    with unchanged(sandbox):
        sandbox.run("update", "--allow-unsigned", "text-tools").failed(4, "'text-tools' was signed before")
