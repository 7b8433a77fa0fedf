"""Signing in, and a conversation with a model, as a person sees them at a terminal."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.guest_flows import install
from support.sandbox import PLUGINS, Sandbox
from support.services import Chat, OAuth, Service, serving
from support.terminal import CTRL_D, Terminal

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")

COUNTDOWN = re.compile(r"waiting; (\d):(\d\d) left")


@contextmanager
def signing_in(sandbox: Sandbox) -> Iterator[tuple[Service, Terminal, dict[str, str]]]:
    """``auth login`` at a terminal, the service it signs in at, and the environment."""
    with serving(OAuth) as service:
        wants = f'http = ["{service.authority}"]\nenv = ["DEVICE_AUTH_*"]'
        install(sandbox, "device-auth", "auth", module("device-auth"), wants)
        env = {"DEVICE_AUTH_URL": f"http://{service.authority}", "DEVICE_AUTH_CLIENT_ID": "me"}
        with running(Terminal(sandbox, "auth", "login", "device-auth", env=env)) as terminal:
            yield service, terminal, env


@contextmanager
def chatting(sandbox: Sandbox, *arguments: str) -> Iterator[tuple[Service, Terminal]]:
    """``chat`` at a terminal, and the server it talks to."""
    with serving(Chat) as service:
        wants = f'http = ["{service.authority}"]\nenv = ["OPENAI_*"]'
        install(sandbox, "openai-compat", "provider", module("openai-compat"), wants)
        env = {"OPENAI_BASE_URL": f"http://{service.authority}", "OPENAI_API_KEY": "k-123"}
        with running(Terminal(sandbox, "chat", "openai-compat", *arguments, env=env)) as terminal:
            yield service, terminal


@contextmanager
def running(terminal: Terminal) -> Iterator[Terminal]:
    """A terminal that must leave no worker behind."""
    with terminal:
        yield terminal
        assert terminal.process.poll() is not None
    end = time.monotonic() + 10
    while (left := workers_of(terminal.process.pid)) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == []


def workers_of(pid: int) -> list[str]:
    """The worker processes a process has started: they are told its number."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().rstrip(b"\0").split(b"\0")
        except OSError:
            continue
        if b"tarkpm.host.worker" in words and words[-1] == str(pid).encode():
            found.append(entry.parent.name)
    return found


def module(name: str) -> bytes:
    return (PLUGINS / name / "plugin.wasm").read_bytes()


def test_signing_in_shows_code_and_address_and_counts_down(sandbox: Sandbox) -> None:
    with signing_in(sandbox) as (service, terminal, env):
        service.pending = 2
        seen = terminal.expect("signed in with Device Flow (example)")
        assert f"Open  \x1b[1mhttp://{service.authority}/activate" in seen
        assert "Enter \x1b[1mABCD-EFGH" in seen
        left = [60 * int(minutes) + int(seconds) for minutes, seconds in COUNTDOWN.findall(seen)]
        assert 50 < left[0] <= 60
        assert left == sorted(left, reverse=True)
        assert left[-1] < left[0]
        assert terminal.finish().status == 0
        assert "s3cret" not in terminal.seen
        assert sandbox.run("auth", "token", "device-auth", env=env).ok().out == "s3cret-token\n"


def test_ctrl_c_while_signing_in_is_clean(sandbox: Sandbox) -> None:
    with signing_in(sandbox) as (service, terminal, env):
        service.pending = 1000
        terminal.expect("waiting; ")
        terminal.expect("waiting; ")
        assert len(workers_of(terminal.process.pid)) == 1
        terminal.interrupt().failed(130, "\r\x1b[2Kinterrupted: nothing was left half done\r\n")
        assert "not-authenticated" in sandbox.run("auth", "status", "device-auth", env=env).ok().out


def test_a_conversation_remembers_and_counts_tokens(sandbox: Sandbox) -> None:
    with chatting(sandbox, "--system", "be brief") as (service, terminal):
        listed = terminal.expect("you: ")
        assert "* echo-1\r\n  echo-2\r\n" in listed
        terminal.type("hello\n")
        answer = terminal.expect("you: ")
        assert "echo-1: system=be brief | user=hello\r\n" in answer
        assert "(echo-1; 2 tokens in, 7 out)" in answer
        terminal.type("and you?\n")
        answer = terminal.expect("you: ")
        assert (
            "system=be brief | user=hello | assistant=echo-1: system=be brief | user=hello | user=and you?"
            in answer.replace("\r\n", "")
        )
        assert "(echo-1; 4 tokens in, 7 out)" in answer
        terminal.type("\n")
        assert terminal.finish().status == 0
        assert "k-123" not in terminal.seen
        assert [path for _, path, _, _ in service.requests].count("/v1/chat/completions") == 2


def test_ctrl_d_ends_a_conversation(sandbox: Sandbox) -> None:
    with chatting(sandbox, "--model", "echo-2") as (_, terminal):
        assert "  echo-1\r\n* echo-2\r\n" in terminal.expect("you: ")
        terminal.type(CTRL_D)
        assert terminal.finish().status == 0


def test_what_fails_in_a_conversation_does_not_end_it(sandbox: Sandbox) -> None:
    with chatting(sandbox) as (service, terminal):
        terminal.expect("you: ")
        service.fate = "broken"
        terminal.type("hello\n")
        assert "note: the plugin could not answer: " in re.sub(r"\x1b\[\d*m", "", terminal.expect("you: "))
        service.fate = "success"
        terminal.type("again\n")
        assert "user=again" in terminal.expect("you: ")
        terminal.type("\n")
        assert terminal.finish().status == 0


@pytest.mark.parametrize("waits", ["at the prompt", "for an answer"])
def test_ctrl_c_in_a_conversation_is_130(sandbox: Sandbox, waits: str) -> None:
    with chatting(sandbox) as (service, terminal):
        terminal.expect("you: ")
        assert len(workers_of(terminal.process.pid)) == 1
        if waits == "for an answer":
            service.fate = "silent"
            before = len(service.requests)
            terminal.type("hello\n")
            while len(service.requests) == before:
                time.sleep(0.02)
        terminal.interrupt().failed(130, "interrupted: nothing was left half done")


def test_json_is_never_a_conversation(sandbox: Sandbox) -> None:
    with chatting(sandbox, "--json") as (_, terminal):
        terminal.expect('"models"')
        assert terminal.finish().status == 0
