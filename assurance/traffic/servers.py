"""Servers of tarkpm, asked by honest clients and others: mcp over stdio and HTTP, index serve."""

import contextlib
import http.client
import itertools
import json
import queue
import random
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from support.community import Community
from support.sandbox import Sandbox

from assurance.traffic.subject import PATIENCE, Subject, project, watched

HELLO: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "soak", "version": "0"},
}
STATS: Final = {"name": "text-tools__text-stats", "arguments": {"text": "a b c"}}


@contextmanager
def mcp_stdio(root: Path) -> Iterator[Subject]:
    """`tarkpm mcp`, asked by lines."""
    sandbox = project(root)
    process = sandbox.spawn("mcp", "--expose", "all", stdin=subprocess.PIPE)
    answers: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(process.stdout, answers), daemon=True).start()
    threading.Thread(target=_read, args=(process.stderr, None), daemon=True).start()
    subject = Subject("mcp, stdio", process, root)
    number = 0
    chance = random.Random(0)

    def send(text: str) -> None:
        assert process.stdin
        process.stdin.write(text + "\n")
        process.stdin.flush()

    def request(method: str, params: dict[str, Any]) -> int:
        nonlocal number
        number += 1
        send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        return number

    def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
        asked = request(method, params)
        while True:
            answer = answers.get(timeout=PATIENCE)
            if answer.get("id") == asked:
                return answer

    def some() -> int:
        assert len(ask("tools/list", {})["result"]["tools"]) > 2
        for _ in range(5):
            assert not ask("tools/call", STATS)["result"].get("isError")
        for tool in ("trap", "bad-utf8", "recurse", "bad-pointer"):
            assert ask("tools/call", _hostile(tool))["result"]["isError"]
        ask("tools/call", {"name": "nobody__x", "arguments": {}})
        ask("no/such/method", {})
        ask("tools/call", {"name": STATS["name"], "arguments": {"text": "x" * chance.randint(0, 500_000)}})
        send("{" * chance.randint(1, 1000))
        send('{"jsonrpc":"2.0","id":true,"method":7}')
        spun = request("tools/call", _hostile("spin"))
        params = {"requestId": spun, "reason": "enough"}
        send(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}))
        ask("ping", {})
        return 16

    ask("initialize", HELLO)
    send('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    subject.round = some
    with watched(subject):
        yield subject


def _hostile(tool: str) -> dict[str, Any]:
    return {"name": f"hostile__{tool}", "arguments": {"text": "x"}}


def _read(stream: Any, answers: "queue.Queue[dict[str, Any]] | None") -> None:
    for text in stream:
        if answers is not None:
            answers.put(json.loads(text))


@contextmanager
def mcp_http(root: Path) -> Iterator[Subject]:
    """`tarkpm mcp --http`, asked by connections that come and go."""
    sandbox = project(root)
    token = "a-token-of-the-soak-0123456789"
    process = sandbox.spawn("mcp", "--http", "--expose", "all", env={"TARKPM_MCP_TOKEN": token})
    assert process.stderr
    address = process.stderr.readline().split()[-1].removeprefix("http://")
    threading.Thread(target=_read, args=(process.stderr, None), daemon=True).start()
    place, _, path = address.partition("/")
    subject = Subject("mcp, HTTP", process, root)
    good = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }

    rounds = itertools.count()

    def post(message: object, headers: dict[str, str]) -> tuple[int, str, str]:
        connection = http.client.HTTPConnection(place, timeout=PATIENCE)
        try:
            body = message if isinstance(message, bytes) else json.dumps(message).encode()
            connection.request("POST", f"/{path}", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("mcp-session-id", ""), answer.read().decode()
        finally:
            connection.close()

    def call(number: int, method: str, params: object) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

    def some() -> int:
        status, session, _ = post(call(1, "initialize", HELLO), good)
        assert status == 200, status
        mine = {**good, "mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}
        post({"jsonrpc": "2.0", "method": "notifications/initialized"}, mine)
        for number in range(2, 6):
            status, _, said = post(call(number, "tools/call", STATS), mine)
            assert status == 200, (status, said)
            assert "words" in said
        post(call(6, "tools/call", _hostile("trap")), mine)
        post(b"{" * 1000, mine)
        for headers in ({**good, "Authorization": "Bearer x"}, {**good, "Host": "evil.example"}):
            # It is refused before its body is read, so the kernel may reset the connection.
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                status, _, _ = post(call(7, "ping", {}), headers)
                assert status in (401, 421), status
        _half(place, f"POST /{path} HTTP/1.1\r\nHost: {place}\r\nContent-Length: 1000\r\n\r\n{{".encode())
        _half(place, b"GET / HTTP/1.1\r\nX: " + b"x" * 2000)
        # Every fourth client goes without a word: all of them would soon reach the bound of sessions.
        if next(rounds) % 4:
            connection = http.client.HTTPConnection(place, timeout=PATIENCE)
            connection.request("DELETE", f"/{path}", headers=mine)
            assert connection.getresponse().status == 200
            connection.close()
        return 14

    subject.round = some
    with watched(subject):
        yield subject


@contextmanager
def index_serve(root: Path) -> Iterator[Subject]:
    """`tarkpm index serve`, asked by connections that come and go."""
    sandbox = Sandbox(root)
    community = Community(sandbox)
    community.claim()
    community.publish()
    process = sandbox.spawn("index", "serve", community.folder)
    assert process.stdout
    place = process.stdout.readline().strip().removeprefix("http://").rstrip("/")
    for stream in (process.stdout, process.stderr):
        threading.Thread(target=_read, args=(stream, None), daemon=True).start()
    subject = Subject("index serve", process, root)
    paths = [
        (200, "/metadata/timestamp.json"),
        (200, "/metadata/1.root.json"),
        (404, "/metadata/9.root.json"),
        (404, "/../../etc/passwd"),
        (404, "/%2e%2e/%2e%2e/etc/passwd"),
        (404, "/pending/"),
    ]

    def some() -> int:
        for expected, path in paths:
            connection = http.client.HTTPConnection(place, timeout=PATIENCE)
            connection.request("GET", path)
            status = connection.getresponse().status
            connection.close()
            assert (status == 200) == (expected == 200), (path, status)
        _half(place, b"GET /metadata/")
        _half(place, b"\0" * 5000)
        return len(paths) + 2

    subject.round = some
    with watched(subject):
        yield subject


def _half(place: str, data: bytes) -> None:
    """Send a part of a request, and hang up."""
    name, _, port = place.partition(":")
    with socket.create_connection((name, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(data)
