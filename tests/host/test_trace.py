"""What can be seen of a host call: everything but the secrets."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tarkpm.core.capability import CapabilitySet
from tarkpm.host import trace
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage, TracedCall

TOKEN = "ya29.a0AfH6SMBxSecret"


def args(interface: str, function: str, *values: Any) -> list[Any]:
    return trace.masked_args(interface, function, values)


@pytest.mark.parametrize(
    ("interface", "function", "values"),
    [
        ("http", "get", ("https://x.test/", [("Authorization", f"Bearer {TOKEN}")])),
        ("http", "get", ("https://x.test/", [("COOKIE", f"session={TOKEN}")])),
        ("http", "get", ("https://x.test/", [("x-api-key", TOKEN)])),
        ("http", "get", ("https://x.test/", [("x-other", f"access_token={TOKEN}; a=b")])),
        ("http", "get", (f"https://x.test/?a=b&access_token={TOKEN}&c=d", [])),
        ("http", "get", (f"https://user:{TOKEN}@x.test/", [])),
        ("http", "post", ("https://x.test/", f"grant_type=x&refresh_token={TOKEN}", [])),
        ("http", "post", ("https://x.test/", f'{{"client_secret": "{TOKEN}", "a": 1}}', [])),
        ("http", "post", ("https://x.test/", f'{{"Password":"{TOKEN}"}}', [])),
        ("http", "post", ("https://x.test/", f"device_code={TOKEN}", [])),
        ("storage", "set", ("access_token", TOKEN)),
        ("storage", "set", ("k", f'{{"t":"{TOKEN}"}}')),
        ("shell", "run", (["curl", f"--token={TOKEN}"], None, None, None)),
        ("shell", "run", (["x"], f"PASSWORD={TOKEN}\n", None, None)),
        ("filesystem", "write", ("a", f"api_key: {TOKEN}")),
        ("log", "info", (f"authorization: Bearer {TOKEN}",)),
    ],
)
def test_a_secret_in_arguments_is_masked(interface: str, function: str, values: tuple[Any, ...]) -> None:
    assert TOKEN not in json.dumps(args(interface, function, *values))


@pytest.mark.parametrize(
    ("interface", "function", "answer"),
    [
        ("env", "get", TOKEN),
        ("storage", "get", TOKEN),
        ("http", "post", {"ok": {"status": 200, "headers": [["set-cookie", TOKEN]], "body": ""}}),
        ("http", "post", {"ok": {"status": 200, "headers": [], "body": f'{{"access_token":"{TOKEN}"}}'}}),
        ("http", "post", {"ok": {"status": 200, "headers": [], "body": f'{{"id_token": "{TOKEN}'}}),
        ("shell", "run", {"ok": {"exit-code": 0, "stdout": f"TOKEN={TOKEN}", "stderr": ""}}),
        ("filesystem", "read", {"ok": f"secret = '{TOKEN}'"}),
    ],
)
def test_a_secret_in_an_answer_is_masked(interface: str, function: str, answer: Any) -> None:
    assert TOKEN not in json.dumps(trace.masked_answer(interface, function, answer))


def test_what_is_no_secret_stays() -> None:
    assert args("http", "get", "https://x.test/a?page=2", [("accept", "text/html")]) == [
        "https://x.test/a?page=2",
        [["accept", "text/html"]],
    ]
    assert args("http", "post", "u", "grant_type=x&refresh_token=s&scope=y", [("Cookie", "12")]) == [
        "u",
        "grant_type=x&refresh_token=‹masked›&scope=y",
        [["Cookie", "‹2 characters›"]],
    ]
    assert args("storage", "set", "count", "7") == ["count", "7"]
    assert args("storage", "set", "count", "7" * 40) == ["count", "‹40 characters›"]
    assert args("ws", "connect", "wss://x.test/?token=s&v=1", [("Authorization", "Bot s"), ("A", "b")]) == [
        "wss://x.test/?token=‹masked›&v=1",
        [["Authorization", "‹5 characters›"], ["A", "b"]],
    ]
    assert args("ws", "send", 1, '{"op":2,"d":{"token":"s"}}') == [1, '{"op":2,"d":{"token":"‹masked›"}}']
    heard = {"message": '{"access_token":"s"}', "closed": False, "error": None}
    assert trace.masked_answer("ws", "recv", {"ok": heard}) == {
        "ok": heard | {"message": '{"access_token":"‹masked›"}'}
    }
    assert trace.masked_answer("fs", "read", {"ok": "sss"}) == {"ok": "‹3 characters›"}
    no = {"err": {"message": "does not exist", "denied": False}}
    assert trace.masked_answer("fs", "read", no) == no
    assert args("env", "get", "HOME") == ["HOME"]
    assert trace.masked_answer("env", "get", None) is None
    assert trace.masked_answer("random", "bytes", [1, 2, 3]) == "‹3 bytes›"
    assert trace.masked_answer("random", "number", 7) == "‹a number›"
    assert trace.masked_answer("clock", "now", 7) == 7


def test_a_long_text_is_masked_in_no_time() -> None:
    import time

    start = time.thread_time()
    for text in ("a-" * 500_000, "token" * 200_000, "x=" * 500_000, "\\" * 1_000_000):
        trace.masked_answer("filesystem", "read", {"ok": text})
    assert time.thread_time() - start < 5


def test_each_call_is_told_with_its_outcome_and_time(text_tools: PluginImage) -> None:
    seen: list[TracedCall] = []
    with PluginHost(Limits(), trace=seen.append) as host:
        host.call(text_tools, "save-note", '{"key":"k","text":"my text"}')
        refused = PluginImage("text-tools", "tool", text_tools.wasm, CapabilitySet(), text_tools.data)
        host.call(refused, "save-note", '{"key":"k","text":"my text"}')
        assert host.counted("text-tools") == ({}, {"storage.set": 1})
        assert host.counted("another") == ({}, {})
    told = [(call.interface, call.function, call.outcome) for call in seen]
    assert ("storage", "set", "answered") in told
    assert ("storage", "set", "refused") in told
    assert all(call.plugin == "text-tools" and 0 <= call.milliseconds < 5_000 for call in seen)


def test_it_is_one_printable_line_or_one_line_of_json() -> None:
    call = TracedCall("p", "log", "info", ["a\x1b[2J\nb"], "answered", None, 0.25)
    assert trace.shown(call) == r'log.info("a\u001b[2J\nb") -> null  0.2 ms'
    refused = TracedCall("p", "env", "get", ["X"], "refused", None, 0.25)
    assert trace.shown(refused) == 'env.get("X") refused'
    line = trace.recorded(call)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "plugin": "p", "interface": "log", "function": "info", "args": ["a\x1b[2J\nb"],
        "outcome": "answered", "answer": None, "milliseconds": 0.25,
    }  # fmt: skip


def test_nothing_is_masked_or_timed_when_nobody_looks(
    text_tools: PluginImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> Callable[..., object]:
        raise AssertionError("masked for nobody")

    monkeypatch.setattr(trace, "masked_args", never)
    with PluginHost() as host:
        assert host.call(text_tools, "text-stats", '{"text":"a"}').success


@pytest.mark.parametrize("key", ["token", "access_token", "github-api-key", "device_code", "PASSWORD"])
def test_a_short_value_whose_key_sounds_like_a_secret_is_masked(key: str) -> None:
    assert trace.masked_args("storage", "set", (key, "hunter2")) == [key, "‹7 characters›"]
    assert trace.masked_answer("storage", "get", "hunter2", (key,)) == "‹7 characters›"
    assert trace.masked_answer("storage", "get", "7", ("count",)) == "7"
