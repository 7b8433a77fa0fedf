"""A plugin's name is taken however it is typed: in capitals, and with ``-`` for ``_``."""

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

TYPED = ("text-tools", "Text_Tools", "TEXT-TOOLS")


@pytest.fixture
def installed(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project with text-tools installed."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    return sandbox


@pytest.mark.parametrize("name", TYPED)
def test_every_verb_that_names_a_plugin_finds_it(installed: Sandbox, name: str) -> None:
    assert "text-tools" in installed.run("info", name).ok().out
    assert installed.run("disable", name).ok().out == "✗ disabled text-tools\n"
    assert installed.run("enable", name).ok().out == "✓ enabled text-tools\n"
    assert installed.run("revoke", name, "storage", "--json").ok().json["name"] == "text-tools"
    assert installed.run("grant", name, "storage", "--json").ok().json["added"] == ["storage"]
    assert installed.run("grant", name, "--reset", "--json").ok().json["name"] == "text-tools"
    assert installed.run("update", name, "--json").ok().json["plugins"][0]["name"] == "text-tools"
    answer = installed.run("call", name, "text-stats", '{"text":"a b"}').ok().out
    assert answer == '{"chars":3,"words":2,"lines":1}\n'
    assert installed.run("tools", name, "--json").ok().json["tools"][0]["plugin"] == "text-tools"
    twice = installed.run("update", name, "text_tools", "--json").ok().json["plugins"]
    assert [plugin["name"] for plugin in twice] == ["text-tools"]
    assert installed.run("remove", name, "text_tools", "--json").ok().json["removed"] == ["text-tools"]
    assert "text-tools" not in (installed.cwd / "tark.toml").read_text()


def test_an_unknown_name_is_named_as_it_was_typed(installed: Sandbox) -> None:
    installed.run("info", "Text_Toys").failed(2, "no plugin named 'text_toys' is installed", "tarkpm list")


@pytest.mark.parametrize("name", TYPED)
def test_an_unsigned_release_is_allowed_by_any_spelling(
    sandbox: Sandbox, publisher: Publisher, name: str
) -> None:
    publisher.release(sign="")
    sandbox.init()
    sandbox.run("add", publisher.url, "--allow-unsigned", name, "--accept-capabilities").ok()
