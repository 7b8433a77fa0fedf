"""The MCP server: its start, and a warm call, against the smallest server that the same SDK makes.

Both are sent lines of JSON-RPC, so that no client's time is in the figures.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.calling import loop
from benchmarks.figure import Figure, Race, Side
from benchmarks.setup import PYTHON, TARKPM, locked_project

PLUGINS = 20
CALLS = 200
SMALLEST = Path(__file__).with_name("smallest_mcp.py")
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "0"},
}


class Talk:
    """A running server, after the handshake."""

    def __init__(self, side: Side) -> None:
        self._process = subprocess.Popen(
            side.command,
            cwd=side.cwd,
            env=side.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0
        self.ask("initialize", HELLO)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its result."""
        self._number += 1
        self._send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        assert self._process.stdout
        while True:
            answer = json.loads(self._process.stdout.readline())
            if answer.get("id") == self._number:
                if "result" not in answer or answer["result"].get("isError"):
                    raise RuntimeError(f"{method}: {answer}")
                result: dict[str, Any] = answer["result"]
                return result

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End the server as clients do."""
        self._process.communicate(timeout=30)


@dataclass(frozen=True)
class FirstList(Side):
    """From the start of a server to its first list of tools."""

    def run(self) -> float:
        self.before()
        start = time.perf_counter()
        talk = Talk(self)
        found = talk.ask("tools/list", {})["tools"]
        seconds = time.perf_counter() - start
        talk.close()
        if len(found) < PLUGINS:
            raise RuntimeError(f"expected at least {PLUGINS} tools, found {len(found)}")
        return seconds


def _sides(folder: Path, kind: type[Side]) -> tuple[Side, Side]:
    person = locked_project(folder, PLUGINS, 0)
    environment = person.environment()
    ours = kind([TARKPM, "mcp", "--expose", "all"], person.cwd, environment)
    # as many tools as ours lists: each plugin has two
    return ours, kind([PYTHON, SMALLEST, str(2 * PLUGINS)], person.cwd, environment)


@contextmanager
def _start(folder: Path) -> Iterator[Race]:
    yield Race(*_sides(folder, FirstList))


@contextmanager
def _warm(folder: Path) -> Iterator[Race]:
    call = {"name": "plugin-000__text-stats", "arguments": {"text": "x" * 1024}}
    talks = [Talk(side) for side in _sides(folder, Side)]

    def calls(talk: Talk) -> None:
        for _ in range(CALLS):
            talk.ask("tools/call", call)

    yield Race(*(loop(lambda talk=talk: calls(talk)) for talk in talks))  # type: ignore[misc]
    for talk in talks:
        talk.close()


FIGURES = [
    Figure("mcp-start", f"mcp, {PLUGINS} plugins, first list", "the smallest server", 1.3, 15, _start, 7),
    Figure("mcp-call", f"{CALLS} warm MCP calls, 1 KB", "the smallest server", 1.5, 15, _warm, 7),
]
