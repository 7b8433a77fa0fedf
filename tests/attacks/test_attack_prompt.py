"""At a terminal: -y answers "proceed?" alone, anything but yes is no, and Ctrl-C leaves nothing half done."""

import pytest
from conftest import Publisher
from support.sandbox import Result, Sandbox
from support.terminal import CTRL_C, CTRL_D, Terminal

from attacks.tampering import unchanged


def _at_terminal(sandbox: Sandbox, *arguments: str, prompt: str, answer: str) -> Result:
    """Run tarkpm at a terminal, wait for ``prompt`` and type ``answer``; the end of it."""
    with Terminal(sandbox, *arguments, columns=300) as terminal:
        if prompt:
            terminal.expect(prompt)
        if answer == CTRL_C:
            return terminal.interrupt()
        terminal.type(answer)
        return terminal.finish()


@pytest.mark.parametrize("flags", [(), ("-y",)])
def test_a_key_is_asked_about_even_with_yes(
    sandbox: Sandbox, publisher: Publisher, flags: tuple[str, ...]
) -> None:
    publisher.release()
    sandbox.init()
    arguments = ("add", publisher.url, *flags)
    with unchanged(sandbox):
        for answer in ("n\n", "\n"):
            refused = _at_terminal(sandbox, *arguments, prompt="[y/N]", answer=answer)
            refused.failed(4, "Trust this key", "NEW: compare it", "nothing was changed")
    done = _at_terminal(sandbox, *arguments, prompt="[y/N]", answer="y\n")
    assert done.status == 0, done
    sandbox.run("verify").ok()


def test_no_answer_allows_an_unsigned_release(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(sign="")
    sandbox.init()
    with unchanged(sandbox):
        refused = _at_terminal(sandbox, "add", publisher.url, prompt="", answer="y\n")
        refused.failed(4, "'text-tools' is not signed", "--allow-unsigned text-tools")


@pytest.mark.parametrize("answer", [CTRL_C, CTRL_D])
def test_an_interrupted_question_is_no_answer(sandbox: Sandbox, publisher: Publisher, answer: str) -> None:
    publisher.release()
    sandbox.init()
    with unchanged(sandbox):
        _at_terminal(sandbox, "add", publisher.url, prompt="[y/N]", answer=answer).failed(
            130, "interrupted: nothing was left half done"
        )


def test_a_projects_decisions_are_asked_about(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    mate = Sandbox(sandbox.root / "mate")
    for name in ("tark.toml", "tark.lock"):
        (mate.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    publisher.server.requests.clear()
    _at_terminal(mate, "sync", prompt="[y/N]", answer="n\n").failed(
        4, f"trust {publisher.key} for 'text-tools'", "the project's decisions were not accepted"
    )
    assert publisher.server.requests == []
    done = _at_terminal(mate, "sync", prompt="[y/N]", answer="y\n")
    assert done.status == 0, done
