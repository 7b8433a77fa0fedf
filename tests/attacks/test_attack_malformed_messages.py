"""Attack: lines that are no MCP message. A request gets an answer, and the server goes on."""

import json
import subprocess
from typing import Any

import pytest
from support.sandbox import Sandbox

pytest.importorskip("mcp")

from tarkpm.agent.malformed import answer

REQUEST = '{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"a__b","arguments":{"text":"%s"}}}'


def answered(line: str | bytes) -> Any:
    found = answer(line.encode() if isinstance(line, str) else line)
    error: Any = found and found.message
    return error and (error.id, error.error.code)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("garbage", (None, -32700)),
        ("{", (None, -32700)),
        ("[" * 100_000, (None, -32700)),
        (b"\xff\xfe", (None, -32700)),
        ('{"jsonrpc":"2.0","id":' + "9" * 5_000 + ',"method":"x"}', (None, -32700)),
        ("[]", (None, -32600)),
        ("null", (None, -32600)),
        (REQUEST % (5, "\\ud83d"), (5, -32700)),
        (REQUEST % ('"five"', "\\ud83d"), ("five", -32700)),
        (REQUEST % ('"\\ud83d"', ""), (None, -32700)),
        (REQUEST % ("[]", ""), (None, -32600)),
        ('{"jsonrpc":"1.0","id":6,"method":"x"}', (6, -32600)),
        ('{"jsonrpc":"2.0","id":7,"method":"x","params":[]}', (7, -32600)),
    ],
)
def test_an_answer_names_the_request(line: str | bytes, expected: object) -> None:
    assert answered(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\r",
        '{"jsonrpc":"2.0","method":"notifications/x","params":[]}',
        '{"jsonrpc":"2.0","id":null,"method":5}',
        '{"jsonrpc":"2.0","id":1,"result":5}',
        '{"jsonrpc":"2.0","id":1,"error":{}}',
        "{}",
    ],
)
def test_what_expects_no_answer_gets_none(line: str) -> None:
    assert answered(line) is None


def test_half_an_emoji_keeps_nobody_waiting(sandbox: Sandbox) -> None:
    sandbox.init()
    process = sandbox.spawn("mcp", stdin=subprocess.PIPE)
    try:
        assert process.stdin
        assert process.stdout
        cursor = '{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{"cursor":"of another server"}}'
        ping = '{"jsonrpc":"2.0","id":2,"method":"ping"}'
        for line in (REQUEST % (1, "\\ud83d"), "garbage", ping, cursor):
            process.stdin.write(line + "\n")
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(4)]
        found = {one["id"]: one["error"]["code"] if "error" in one else None for one in answers}
        assert found == {1: -32700, None: -32700, 2: None, 3: -32602}
    finally:
        process.kill()
        process.communicate(timeout=20)
