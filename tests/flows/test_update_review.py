"""What a person sees before an update: what differs, and what the new release does on recorded calls."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Publisher
from support import wat
from support.sandbox import Sandbox
from support.services import Chat, Service, serving
from support.silent_ui import SilentUi
from support.terminal import Terminal

from tarkpm.core.agent.listing import Exposure
from tarkpm.ops.mcp import Toolbox
from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.run.turns import AgentCall


@pytest.fixture
def service() -> Iterator[Service]:
    """A server that the plugin asks, and that knows what it was asked."""
    with serving(Chat) as service:
        yield service


def rings(sandbox: Sandbox) -> list[Path]:
    """The files of recorded calls."""
    return sorted((sandbox.state / "calls").rglob("*.json"))


def fetch(service: Service) -> tuple[str, str, str, str]:
    """Words of a command that asks the server."""
    return "call", "text-tools", "fetch", json.dumps({"url": f"http://{service.authority}/v1/models"})


def wants(service: Service) -> str:
    """What the plugin declares."""
    return f'http = ["{service.authority}"]'


def set_record(sandbox: Sandbox, line: str = "record = true\n") -> None:
    """Write ``line`` into [tark] of tark.toml."""
    project = sandbox.cwd / "tark.toml"
    text = project.read_text().replace("record = true\n", "")
    project.write_text(text.replace("[tark]\n", f"[tark]\n{line}"))


@pytest.fixture
def recorded(sandbox: Sandbox, publisher: Publisher, service: Service) -> Sandbox:
    """A project that records calls, with one that asked the server."""
    publisher.release(wasm=wat.fetching_tool(), capabilities=wants(service))
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    set_record(sandbox)
    first = sandbox.run(*fetch(service)).ok()
    assert (
        "the last 100 calls of 'text-tools' are recorded, without secrets, for update --review" in first.err
    )
    return sandbox


def test_record_publish_review(recorded: Sandbox, publisher: Publisher, service: Service) -> None:
    """The errand: a release that asks another host is seen before anybody agrees, and it reaches nobody."""
    assert recorded.run(*fetch(service)).ok().err.count("recorded") == 0
    (ring,) = {file.parent for file in rings(recorded)}
    assert [stat.S_IMODE(file.stat().st_mode) for file in rings(recorded)] == [0o600] * 2
    assert stat.S_IMODE(ring.stat().st_mode) == 0o700
    # Nothing that could be pulled with the project.
    assert not list(recorded.cwd.rglob("*calls*"))

    also = wat.asking_also(f"http://{service.authority}/v1/steal?all")
    publisher.release("1.1.0", wasm=also, capabilities=wants(service))
    asked = len(service.requests)
    said = recorded.run("update", "--review").ok()
    assert "working tree → this update: 1 plugin changed\n\ntext-tools 1.0.0 → 1.1.0\n" in said.err
    assert f'newly asks │ "GET http://{service.authority}/v1/steal?all"\n' in said.err
    assert "replay │ 2 recorded calls, nothing granted: 2 with the same result\n" in said.err
    assert said.out.startswith("✓ would replace text-tools 1.1.0")
    assert len(service.requests) == asked
    # Nobody could be asked, so nothing has changed.
    assert recorded.run("info", "text-tools", "--json").ok().json["version"] == "1.0.0"

    evil = wat.asking_also("https://evil.example/?x")
    publisher.release("1.2.0", wasm=evil, capabilities='http = ["evil.example"]')
    refused = recorded.run("update", "--review").failed(4, "--accept-capabilities")
    assert (
        'newly asks │ "http:evil.example" as in "http.get(\'https://evil.example/?x\', [])"\n' in refused.err
    )
    report = recorded.run("update", "--review", "--accept-capabilities", "--json").ok().json
    (replayed,) = report["replays"]
    assert (report["applied"], replayed["recorded"], replayed["before"], replayed["after"]) == (
        False,
        2,
        "1.0.0",
        "1.2.0",
    )
    assert set(report) == {"plugins", "notes", "waiting", "applied", "difference", "replays"}
    assert set(replayed["calls"][0]) == {"tool", "arguments", "result", "reason", "new", "diff"}
    assert [call["new"] for call in replayed["calls"]] == [
        [{"capability": "http:evil.example", "call": 'http.get("https://evil.example/?x", [])'}]
    ] * 2
    assert report["difference"]["asks"] == {"text-tools": ["http:evil.example"]}
    assert recorded.run("update", "--review", "--accept-capabilities", "-y", "--json").ok().json["applied"]
    assert recorded.run("info", "text-tools", "--json").ok().json["version"] == "1.2.0"


def test_results_and_failures_are_compared(recorded: Sandbox, publisher: Publisher, service: Service) -> None:
    text = "{\\22a\\22:1}\\1b[2Jx"
    says = "(return (call $result (i32.const 1) (i32.const 700) (i32.const 12)))"
    publisher.release("1.1.0", wasm=wat.fetching_tool_that(says, text), capabilities=wants(service))
    said = recorded.run("update", "--review").ok()
    assert "result │ \"fetch\" with \"{'url': 'http://127.0.0.1:" in said.err
    assert "was │ \"{ 'data': [ { 'id': 'echo-1' }, " in said.err
    assert "is │ \"{'a':1}\\x1b[2Jx\"\n" in said.err
    assert "\x1b" not in said.err
    publisher.release("1.2.0", wasm=wat.fetching_tool_that("unreachable"), capabilities=wants(service))
    said = recorded.run("update", "--review").ok()
    assert "now fails │" in said.err
    assert "replay │ 1 recorded call, nothing granted: 1 failed" in said.err


def test_what_cannot_be_replayed_is_said(recorded: Sandbox, publisher: Publisher, service: Service) -> None:
    for file in rings(recorded):
        file.write_text(file.read_text().replace('"version":1}', '"version":2}'))
    publisher.release("1.1.0", wasm=wat.asking_also("https://a.example/"), capabilities=wants(service))
    said = recorded.run("update", "--review").ok()
    assert "replay │ nothing was replayed: no call of it is recorded\n" in said.err
    assert "1 recorded call cannot be read: expected version 1, found 2" in said.err
    publisher.release("1.2.0", wasm=wat.fetching_tool(), capabilities=wants(service))
    recorded.run(*fetch(service)).ok()
    said = recorded.run("update", "--review").ok()
    assert "replay │ nothing was replayed: the new release has the same module\n" in said.err


def test_the_record_goes_with_the_plugin(recorded: Sandbox, service: Service) -> None:
    set_record(recorded, "")
    recorded.run(*fetch(service)).ok()
    assert len(rings(recorded)) == 1
    # --record keeps one call, whatever tark.toml says.
    recorded.run(*fetch(service), "--record", "calls.jsonl").ok()
    assert len(rings(recorded)) == 2
    recorded.run("cache", "prune").ok()
    assert len(rings(recorded)) == 2
    recorded.run("remove", "text-tools").ok()
    assert not rings(recorded)
    stray = recorded.state / "calls" / "gone" / "other"
    stray.mkdir(parents=True)
    recorded.run("cache", "prune").ok()
    assert not stray.exists()


class _Tokens(Chat):
    """A server that gives a token, and says what it was asked."""

    def answer(self, body: str) -> tuple[int, Any]:
        return 200, {"access_token": "s3cret-token-1", "path": self.path}


def test_a_call_keeps_no_token(sandbox: Sandbox) -> None:
    with serving(_Tokens) as service:
        folder = sandbox.plugin(sandbox.root / "src", wasm=wat.fetching_tool(), capabilities=wants(service))
        sandbox.init()
        sandbox.run("add", folder, "--accept-capabilities").ok()
        set_record(sandbox)
        url = f"http://{service.authority}/login?api_key=typed-secret-2"
        said = sandbox.run("call", "text-tools", "fetch", json.dumps({"url": url})).ok()
        assert "s3cret-token-1" in said.out
    (file,) = rings(sandbox)
    call = file.read_text()
    assert "s3cret-token-1" not in call
    assert "typed-secret-2" not in call
    assert "/login?api_key=**************" in call


def test_the_calls_of_an_agent_are_recorded(
    recorded: Sandbox, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mcp")
    monkeypatch.chdir(recorded.cwd)
    environment = recorded.environment()
    settings = Settings(recorded.cwd, user_paths(environment), environment)
    box = Toolbox(settings, SilentUi(), Exposure(), lambda _: None)
    try:
        url = {"url": f"http://{service.authority}/v1/models"}
        for _ in range(2):
            assert "echo-1" in box.call("text-tools__fetch", url, AgentCall()).text
        set_record(recorded, "")
        box.call("text-tools__fetch", url, AgentCall())
    finally:
        box.close()
    assert len(rings(recorded)) == 3


def test_a_call_that_is_not_recorded_loads_nothing_for_it(recorded: Sandbox, service: Service) -> None:
    set_record(recorded, "")
    code = (
        "import sys; from tarkpm.cli.entry import main; main(sys.argv[1:]); "
        "print(*(name for name in sys.modules if 'kept_call' in name or 'recorder' in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *fetch(service)],
        cwd=recorded.cwd,
        env=recorded.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == ""


def test_a_person_reads_the_review_and_declines(
    recorded: Sandbox, publisher: Publisher, service: Service
) -> None:
    """The whole program, at a terminal."""
    publisher.release("1.1.0", wasm=wat.asking_also("https://evil.example/"), capabilities=wants(service))
    with Terminal(recorded, "update", "--review", columns=200) as terminal:
        seen = terminal.expect("Proceed? [y/N]: ")
        terminal.type("n\r")
        terminal.finish().failed(4, "declined: nothing was changed")
    assert "1 plugin changed" in seen
    assert "newly asks │ " in seen
    assert "http:evil.example" in seen
    assert recorded.run("info", "text-tools", "--json").ok().json["version"] == "1.0.0"


def test_a_release_that_nobody_can_let_in_is_not_run(
    recorded: Sandbox, publisher: Publisher, service: Service
) -> None:
    publisher.release("0.9.0", wasm=wat.asking_also("https://a.example/"), capabilities=wants(service))
    said = recorded.run("update", "--review").failed(4, "--allow-downgrade")
    assert "replay │ nothing was replayed: the new release is not admitted\n" in said.err
    said = recorded.run("update", "--review", "--allow-downgrade").ok()
    assert 'newly asks │ "http:a.example" as in "http.get(' in said.err
