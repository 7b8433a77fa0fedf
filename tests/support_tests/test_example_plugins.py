"""The checked-in example plugins do what their READMEs say, and read JSON as the host does."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.guest import Guest, Imports, record
from wasmtime.component import Variant

Functions = dict[str, Callable[..., Any]]
PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


class Host:
    """Storage in a dict, an environment, and what it answers to requests, in their order."""

    def __init__(self, *answers: Variant, **env: str) -> None:
        self.stored: dict[str, str] = {}
        self.logged: list[str] = []
        self.requests: list[tuple[str, str | None, dict[str, str]]] = []
        self.env = env
        self.answers = list(answers)

    def imports(self) -> Imports:
        log = dict.fromkeys(("debug", "info", "warn", "error"), self.logged.append)
        storage: Functions = {
            "get": self.stored.get,
            "set": self.stored.__setitem__,
            "delete": lambda key: self.stored.pop(key, None) and None,
            "list-keys": lambda: list(self.stored),
        }
        http: Functions = {"get": lambda url, headers: self.request(url, None, headers), "post": self.request}
        return {"log": log, "storage": storage, "http": http, "env": {"get": self.env.get}}

    def request(self, url: str, body: str | None, headers: list[tuple[str, str]]) -> Variant:
        self.requests.append((url, body, dict(headers)))
        return self.answers.pop(0)


def answered(document: object, status: int = 200) -> Variant:
    body = document if isinstance(document, str) else json.dumps(document)
    return Variant("ok", record(status=status, headers=[], body=body))


def failed(message: str) -> Variant:
    return Variant("err", record(message=message, status=None))


def wasm(name: str) -> bytes:
    return (PLUGINS / name / "plugin.wasm").read_bytes()


def plugin(name: str, kind: str, host: Host) -> Guest:
    return Guest(wasm(name), kind, host.imports())


def execute(guest: Guest, tool: str, arguments: str) -> tuple[str, str | None]:
    result = guest.call("execute", tool, arguments)
    assert result.success == (result.error is None)
    return result.output, result.error


@pytest.fixture
def text_tools() -> Guest:
    return plugin("text-tools", "tool-plugin", Host())


@pytest.mark.parametrize(
    ("text", "chars", "words", "lines"),
    [
        ("a b c", 5, 3, 1),
        ("", 0, 0, 0),
        ("\n", 1, 0, 1),
        ("one\ntwo\n", 8, 2, 2),
        ("one\ntwo", 7, 2, 2),
        ("grün 日本 🎈", 9, 3, 1),
        ("\t \r\n", 4, 0, 1),
        ("x" * 300_000, 300_000, 1, 1),
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_text_stats(
    text_tools: Guest, text: str, chars: int, words: int, lines: int, ascii_only: bool
) -> None:
    arguments = json.dumps({"text": text}, ensure_ascii=ascii_only)
    expected = f'{{"chars":{chars},"words":{words},"lines":{lines}}}'
    assert execute(text_tools, "text-stats", arguments) == (expected, None)


def test_text_tools_describes_itself(text_tools: Guest) -> None:
    tools = text_tools.call("get-tools")
    assert [tool.name for tool in tools] == ["text-stats", "save-note"]
    schemas = [json.loads(getattr(tool, "parameters-schema")) for tool in tools]
    assert [schema["required"] for schema in schemas] == [["text"], ["key", "text"]]
    risks = [text_tools.call("get-risk-level", name) for name in ("text-stats", "save-note", "other")]
    assert risks == ["read-only", "write", "dangerous"]


def test_text_tools_says_what_is_wrong(text_tools: Guest) -> None:
    assert execute(text_tools, "text-stats", "{") == ("", "arguments are not JSON")
    assert execute(text_tools, "text-stats", "{}") == ("", 'missing "text"')
    assert execute(text_tools, "text-stats", '{"text":1}') == ("", 'missing "text"')
    assert execute(text_tools, "save-note", '{"key":"k"}') == ("", 'missing "key" or "text"')
    assert execute(text_tools, "other", "{}") == ("", "unknown tool: other")


def test_save_note_keeps_any_text() -> None:
    host = Host()
    guest = plugin("text-tools", "tool-plugin", host)
    key = 'q"\\\b\f\n\r\t\x00\x1f\x7fäḃ\uffff🎈'
    for ascii_only in (True, False):
        arguments = json.dumps({"key": key, "text": key * 2}, ensure_ascii=ascii_only)
        output, error = execute(guest, "save-note", arguments)
        assert (json.loads(output), error) == ({"saved": key, "total": 1}, None)
    assert host.stored == {f"note:{key}": key * 2}


def test_save_note_passes_on_the_storage_error() -> None:
    guest = Guest(wasm("text-tools"), "tool-plugin", {"storage": {"set": lambda _key, _value: "over quota"}})
    assert execute(guest, "save-note", '{"key":"k","text":"t"}') == ("", "over quota")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r'{"text":"\ud83c\udf88"}', 1),
        (r'{"text":"\ud83c"}', 1),
        (r'{"text":"\ud83c\u0041"}', 2),
        (r'{"text":"\udf88\ud83c"}', 2),
        (r'{"text":"\ud83c\ud83c\udf88"}', 2),
        (r'{"te\u0078t":"abc"}', 3),
        (r'{"text":"a","text":"abc"}', 3),
        (r'{"\u0074ext":"abc","text":"a"}', 1),
        (' { "x" : [ { } , [ ] , -0.5e+3 ] , "text" : "abc" } \n', 3),
    ],
)
def test_unusual_json_is_read_as_the_host_reads_it(text_tools: Guest, written: str, read: int) -> None:
    output, error = execute(text_tools, "text-stats", written)
    assert error is None
    assert json.loads(output)["chars"] == read


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "nul", "nulll", "truefalse", "01", "-", "1.", ".5", "1e", "1e+", "+1", "NaN", "0x1"),
        *("[", "[1", "[1,", "[1,]", "[,]", "]", "{", '{"', '{"a', '{"a"', '{"a":', '{"a":1', '{"a":1,'),
        *(
            '{"a":1,}',
            '{"a" 1}',
            "{1:1}",
            "{} {}",
            '{"a":1}x',
            '"',
            '"\\',
            '"\\"',
            '"\\u',
            '"\\u12',
            '"\\u123"',
        ),
        *('"\\u12g4"', '"\\ud83c\\', '"\\ud83c\\u"', '"\\x41"', '"\t"', '"\x00"', "[" * 66 + "]" * 66),
    ],
)
def test_malformed_json_is_refused(text_tools: Guest, text: str) -> None:
    assert execute(text_tools, "text-stats", text) == ("", "arguments are not JSON")


def test_damaged_json_is_accepted_exactly_where_python_accepts_it(text_tools: Guest) -> None:
    dice = random.Random(7)
    whole = r'{"text":"a\u00e9\n","n":[1,-2.5e3,true,false,null,{}],"o":{"k":"\ud83c\udf88"}}'
    for _ in range(2000):
        damaged = list(whole)
        for _ in range(dice.randint(1, 3)):
            damaged[dice.randrange(len(damaged))] = dice.choice(
                ['"', "\\", "{", "]", ",", ":", "u", "0", "e", ""]
            )
        text = "".join(damaged)
        assert (execute(text_tools, "text-stats", text)[1] == "arguments are not JSON") is not python_accepts(
            text
        )


def python_accepts(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


DEVICE = {"device_code": "dc", "user_code": "AB-12", "verification_uri": "https://auth.example.com/go"}


def test_device_auth_signs_in_and_out() -> None:
    steps = [
        answered({**DEVICE, "expires_in": 600}),
        answered({"error": "authorization_pending"}, 400),
        answered({"error": "slow_down"}, 400),
        answered({"access_token": "t0ken"}),
    ]
    host = Host(*steps)
    auth = plugin("device-auth", "auth-plugin", host)
    assert auth.call("display-name") == "Device Flow (example)"
    assert auth.call("status") == "not-authenticated"
    assert auth.call("get-token") == Variant("err", "not authenticated")
    code = auth.call("start-device-flow")
    assert (getattr(code, "user-code"), getattr(code, "expires-in"), code.interval) == ("AB-12", 600, 5)
    assert [auth.call("poll", "d&c").tag for _ in range(3)] == ["pending", "pending", "success"]
    assert (auth.call("status"), auth.call("get-token")) == ("authenticated", Variant("ok", "t0ken"))
    assert host.stored == {"access_token": "t0ken"}
    assert auth.call("logout") is None
    assert auth.call("status") == "not-authenticated"
    base = "https://auth.example.com"
    assert [url for url, _, _ in host.requests] == [f"{base}/device/code", *[f"{base}/token"] * 3]
    assert host.requests[0][1] == "client_id=tark-cli&scope=openid"
    assert (host.requests[1][1] or "").endswith("device_code&device_code=d%26c")


def test_device_auth_reports_what_the_server_says() -> None:
    cases: list[tuple[Variant, tuple[str, str | None]]] = [
        (answered({"error": "expired_token"}, 400), ("expired", None)),
        (answered({"error": "access_denied"}, 400), ("error", "access_denied")),
        (answered("<html>", 502), ("error", "the answer is not JSON")),
        (answered([], 500), ("error", "unexpected answer from the token endpoint")),
        (failed("denied"), ("error", "denied")),
    ]
    for answer, expected in cases:
        polled = plugin("device-auth", "auth-plugin", Host(answer)).call("poll", "dc")
        assert (polled.tag, polled.payload) == expected


@pytest.mark.parametrize(
    "document",
    [
        DEVICE,
        {**DEVICE, "expires_in": -1},
        {**DEVICE, "expires_in": 2**64},
        {"expires_in": 600},
        [DEVICE],
        "x",
    ],
)
def test_device_auth_refuses_an_unexpected_code(document: object) -> None:
    auth = plugin("device-auth", "auth-plugin", Host(answered(json.dumps(document))))
    assert auth.call("start-device-flow") == "unexpected answer from the device endpoint"


def chat(answer: Variant, **env: str) -> tuple[Any, Host]:
    host = Host(answer, **env)
    messages = [record(role="system", content="be\nbrief"), record(role="user", content='say "ü"')]
    return plugin("openai-compat", "provider-plugin", host).call("chat", messages, "m1"), host


def test_openai_compat_chats() -> None:
    document = {
        "choices": [{"message": {"content": "grün"}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    }
    reply, host = chat(answered(document), OPENAI_API_KEY="k", OPENAI_BASE_URL="https://llm.example")
    assert (reply.text, getattr(reply.usage, "input-tokens"), getattr(reply.usage, "output-tokens")) == (
        "grün",
        7,
        2,
    )
    url, body, headers = host.requests[0]
    assert url == "https://llm.example/v1/chat/completions"
    assert headers == {"content-type": "application/json", "authorization": "Bearer k"}
    sent = [{"role": "system", "content": "be\nbrief"}, {"role": "user", "content": 'say "ü"'}]
    assert json.loads(body or "") == {"model": "m1", "messages": sent}


def test_openai_compat_without_key_or_usage() -> None:
    reply, host = chat(
        answered({"choices": [{"message": {"content": ""}}], "usage": {"prompt_tokens": 2**32}})
    )
    assert (reply.text, reply.usage) == ("", None)
    assert host.requests[0][2] == {"content-type": "application/json"}


def test_openai_compat_reports_what_went_wrong() -> None:
    assert chat(failed("denied"))[0] == "denied"
    assert chat(answered("no credit", 402))[0] == "HTTP 402: no credit"
    assert chat(answered({"choices": []}))[0] == "unexpected answer"
    assert chat(answered("{"))[0] == "unexpected answer"


def test_openai_compat_lists_models() -> None:
    models = {"data": [{"id": "a"}, {"id": 5}, {}, {"object": "model", "id": "ü"}]}
    guest = plugin("openai-compat", "provider-plugin", Host(answered(models)))
    assert guest.call("name") == "openai-compat"
    assert guest.call("models") == ["a", "ü"]
    host = Host(answered("nope", 401))
    assert plugin("openai-compat", "provider-plugin", host).call("models") == []
    assert host.logged == ["HTTP 401: nope"]
