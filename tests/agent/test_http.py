"""`tarkpm mcp --http`: the token, Host and Origin are checked before anything else."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import anyio
import pytest
from support.agents import NEW, OLD, run
from support.sandbox import Sandbox

pytest.importorskip("mcp")

STATS = "text-tools__text-stats"
BODY = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


class Served(NamedTuple):
    url: str
    token: str


@pytest.fixture
def served(project: Sandbox) -> Iterator[Served]:
    """The project's server, as its user started it."""
    process = project.spawn("mcp", "--http")
    try:
        assert process.stderr
        url, token = (process.stderr.readline() for _ in range(2))
        yield Served(url.split()[-1], token.split()[-1])
    finally:
        process.terminate()
        process.communicate(timeout=20)


def ask(url: str, **headers: str) -> int:
    """Send a request; returns the status."""
    request = urllib.request.Request(url, BODY, {"Content-Type": "application/json"})
    request.add_header("Accept", "application/json, text/event-stream")
    for name, value in headers.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code


def test_a_given_token_is_used_and_not_shown(project: Sandbox) -> None:
    token = "a-token-of-mine-0123"
    project.run("mcp", "--http", env={"TARKPM_MCP_TOKEN": "short"}).failed(2, "unset TARKPM_MCP_TOKEN")
    process = project.spawn("mcp", "--http", env={"TARKPM_MCP_TOKEN": token})
    try:
        assert process.stderr
        url = process.stderr.readline().split()[-1]
        assert ask(url) == 401
        assert ask(url, Authorization=f"Bearer {token}") != 401
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert token not in url + said


def test_what_is_refused(served: Served) -> None:
    right = f"Bearer {served.token}"
    assert ask(served.url) == 401
    assert ask(served.url, Authorization="Bearer x") == 401
    assert ask(served.url, Authorization=right[:-1]) == 401
    assert ask(served.url + "?token=" + served.token) == 401
    assert ask(served.url, Authorization=right, Host="evil.example:80") == 421
    assert ask(served.url, Authorization=right, Origin="https://evil.example") == 403
    assert ask(served.url, Authorization=right, Origin="http://127.0.0.1:1") == 403
    assert ask(served.url, Authorization=right) not in (401, 403, 421)
    assert len(served.token) >= 40


@pytest.mark.parametrize("version", [NEW, pytest.param(OLD, marks=pytest.mark.slow)])
def test_eight_clients_of_each_revision(served: Served, version: str) -> None:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def one() -> None:
        headers = {"Authorization": f"Bearer {served.token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            mode = "legacy" if version == OLD else "auto"
            async with Client(streamable_http_client(served.url, http_client=http), mode=mode) as client:
                assert client.protocol_version == version
                assert STATS in [tool.name for tool in (await client.list_tools()).tools]
                for _ in range(5):
                    result = await client.call_tool(STATS, {"text": "a b"})
                    assert result.structured_content == {"chars": 3, "words": 2, "lines": 1}

    async def session() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(one)

    run(session)


def test_a_session_that_its_client_left_ends(project: Sandbox) -> None:
    """The soak found them: each took 40 KB for half an hour."""
    program = (
        "import sys, tarkpm.agent.http as http; from tarkpm.cli.entry import main;"
        "http.SESSION_SECONDS, http.MAX_SESSIONS = 1.0, 3; sys.exit(main(['mcp', '--http']))"
    )
    token = "a-token-of-mine-0123"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=project.cwd,
        env=project.environment(TARKPM_MCP_TOKEN=token),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        url = process.stderr.readline().split()[-1]
        began = [_begin(url, token) for _ in range(4)]
        assert [status for status, _ in began] == [200, 200, 200, 503]
        gone = began[0][1]
        for _ in range(100):
            if ask(url, Authorization=f"Bearer {token}", **{"mcp-session-id": gone}) == 404:
                break
            time.sleep(1.2)  # each request to it begins its second again
        else:
            pytest.fail("the session never ends")
        assert _begin(url, token)[0] == 200
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _begin(url: str, token: str) -> tuple[int, str]:
    """Begin a session of 2025-11-25; its status and id."""
    about = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": {"name": "x", "version": "0"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status), answer.headers["mcp-session-id"]
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, ""


def test_a_port_in_use_and_an_address_of_the_network(project: Sandbox, served: Served) -> None:
    port = re.search(r":(\d+)/", served.url)
    assert port
    project.execute("mcp", "--http", f"127.0.0.1:{port[1]}").failed(1, "in use")
    project.execute("mcp", "--http=0.0.0.0:0").failed(2, "expected a loopback address")


def test_it_ends_when_it_is_told(project: Sandbox) -> None:
    process = project.spawn("mcp", "--http")
    assert process.stderr
    process.stderr.readline()
    process.terminate()
    try:
        process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
