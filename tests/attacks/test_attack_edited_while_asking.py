"""While a command waits for an answer, tark.toml is edited: the answer is not applied to what it was not given for."""

from conftest import Publisher
from support.sandbox import Sandbox
from support.terminal import Terminal

from attacks.tampering import replace_in, unchanged


def _project(sandbox: Sandbox, publisher: Publisher) -> None:
    """A project whose one plugin may keep data, and a newer release of it that asks for more."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    publisher.release("1.1.0", capabilities="storage = true\nshell = true")


def test_a_grant_that_is_taken_away_meanwhile_does_not_come_back(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    _project(sandbox, publisher)
    toml = sandbox.cwd / "tark.toml"
    with Terminal(sandbox, "update") as terminal:
        terminal.expect("[y/N]")
        replace_in(toml, "text-tools = { storage = true }\n", "")
        terminal.type("y\n")
        terminal.expect("tark.toml was edited in the meantime: nothing was changed")
        terminal.expect("[y/N]")  # asked again, about what it says now
        assert "shell" not in toml.read_text()
        terminal.type("n\n")
        terminal.finish().failed(4, "nothing was changed")
    assert "text-tools = {" not in toml.read_text().partition("[grants]")[2]


def test_the_second_answer_is_for_the_second_question(sandbox: Sandbox, publisher: Publisher) -> None:
    _project(sandbox, publisher)
    toml = sandbox.cwd / "tark.toml"
    with Terminal(sandbox, "update") as terminal:
        terminal.expect("[y/N]")
        toml.write_text(toml.read_text() + "# a comment\n")
        terminal.type("y\n")
        terminal.expect("tark.toml was edited in the meantime")
        terminal.expect("[y/N]")
        terminal.type("y\n")
        terminal.finish().ok()
    assert "# a comment" in toml.read_text()
    assert "shell = true" in toml.read_text()


def test_the_lock_is_edited_meanwhile(sandbox: Sandbox, publisher: Publisher) -> None:
    _project(sandbox, publisher)
    lock = sandbox.cwd / "tark.lock"
    with Terminal(sandbox, "update") as terminal:
        terminal.expect("[y/N]")
        lock.unlink()
        terminal.type("y\n")
        terminal.expect("tark.lock was edited in the meantime")
        terminal.expect("[y/N]")
        with unchanged(sandbox):
            terminal.type("n\n")
            terminal.finish().failed(4)
