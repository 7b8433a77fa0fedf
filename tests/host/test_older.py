"""Plugins of the older ABI through the host: every export family, every import, every code."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import older

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import HostError, LimitReached, PluginFailed
from tarkpm.host.channel_plugin import Outbound, WebhookRequest
from tarkpm.host.image import PluginImage
from tarkpm.host.imports import Interface
from tarkpm.host.imports.log import LogLine
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import Message, PluginHost

pytestmark = pytest.mark.usefixtures("forked")

ImageOf = Callable[..., PluginImage]
ALL = ("storage", "http:a.example", "env:*_*", "fs_read:~/.config/app/x.json")
GRANTED = CapabilitySet.of(map(Capability.parse, ("storage", "http:a.example", "env:A_*")))


class Scripted:
    """An interface that says what a test wants, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []
        self.closed = 0

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        self.asked.append((function, *args))
        return self.answers.pop(0)

    def close(self) -> None:
        self.closed += 1


class Rig:
    """A host whose plugins are served by scripts."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.served: dict[str, Interface] = {}
        self.host = PluginHost(
            Limits(seconds=5), self.lines.append, interfaces=lambda _image, _report: self.served
        )

    def script(self, interface: str, *answers: Any) -> Scripted:
        """What an interface of the next plugin says."""
        script = self.served[interface] = Scripted(*answers)
        return script

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(line.level, line.message) for line in self.lines if not line.by_host]


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.host.close()


@pytest.fixture
def plugin(image_of: ImageOf) -> Callable[..., PluginImage]:
    """One of the plugins in tests/guests/older, with grants."""

    def make(name: str, granted: CapabilitySet = GRANTED) -> PluginImage:
        return image_of(older.wasm(name), name=name, plugin_type=older.TYPES[name], granted=granted)

    return make


# -- signing in


def test_a_provider_that_only_signs_in(rig: Rig, plugin: Callable[..., PluginImage]) -> None:
    host, image = rig.host, plugin("chatgpt")
    rig.script("env", None, None, None)
    rig.script("fs")
    assert host.display_name(image) == "ChatGPT (OAuth)"
    assert host.provider_name(image) == "ChatGPT (OAuth)"
    assert host.models(image) == []
    assert host.auth_status(image) == "not-authenticated"
    said = "could not get a token: No credentials stored. Run 'tark auth chatgpt'"
    with pytest.raises(PluginFailed, match=said):
        host.get_token(image)
    host.auth_init(image, json.dumps({"access_token": "at-1", "account_id": "acc"}))
    assert host.auth_status(image) == "authenticated"
    assert host.get_token(image) == "at-1"
    found = host.credentials(image)
    assert (found.access_token, found.api_mode, found.project_id) == ("at-1", "openai_compat", None)
    assert found.endpoint == "https://chatgpt.com/backend-api/codex/responses"
    assert found.headers == [("originator", "opencode"), ("ChatGPT-Account-Id", "acc")]
    host.logout(image)
    rig.script("env", None)
    with pytest.raises(
        PluginFailed, match="could not accept the credentials: provider_auth_init returned -2"
    ):
        host.auth_init(image, "{}")


def test_tokens_pass_the_plugin(rig: Rig, plugin: Callable[..., PluginImage]) -> None:
    image = plugin("chatgpt")
    made = rig.host.process_tokens(image, '{"access_token": "a", "id_token": "i"}')
    assert json.loads(made or "") == {"access_token": "a", "id_token": "i", "account_id": "account-1"}
    with pytest.raises(PluginFailed, match="could not process the tokens: auth_process_tokens returned -1"):
        rig.host.process_tokens(image, "x")
    assert rig.host.process_tokens(plugin("gemini-oauth"), "{}") is None


def test_what_it_does_not_export_is_said(rig: Rig, plugin: Callable[..., PluginImage]) -> None:
    with pytest.raises(HostError, match="does not export provider_chat") as caught:
        rig.host.chat(plugin("chatgpt"), [Message("user", "hello")], "m")
    assert caught.value.where == "chatgpt"
    with pytest.raises(HostError, match="does not export start_device_flow"):
        rig.host.start_device_flow(plugin("chatgpt"))


def test_an_auth_plugin(rig: Rig, plugin: Callable[..., PluginImage]) -> None:
    host, image = rig.host, plugin("probe")
    assert host.display_name(image) == "Probe"
    assert host.auth_status(image) == "not-authenticated"
    with pytest.raises(PluginFailed, match="could not get a token: get_token returned -1"):
        host.get_token(image)
    assert ask(rig, image, "storage.set", "=token", "=t-1") == (0, "")
    assert host.auth_status(image) == "authenticated"
    assert host.get_token(image) == "t-1"
    found = host.credentials(image)
    assert (found.access_token, found.api_mode, found.endpoint) == ("t-1", "standard", None)
    host.logout(image)
    assert host.auth_status(image) == "not-authenticated"


def test_a_component_is_told_apart(rig: Rig, image_of: ImageOf) -> None:
    component = (Path(__file__).parents[2] / "plugins" / "device-auth" / "plugin.wasm").read_bytes()
    image = image_of(component, plugin_type="auth")
    with pytest.raises(HostError, match="is a component, which signs in by itself"):
        rig.host.process_tokens(image, "{}")
    with pytest.raises(HostError, match="is of type 'auth', expected 'channel'"):
        rig.host.channel(image).info()


# -- providers


def test_a_provider_that_talks(rig: Rig, plugin: Callable[..., PluginImage]) -> None:
    host, image = rig.host, plugin("gemini-oauth")
    assert host.models(image) == ["gemini-2.0-flash", "gemini-1.5-pro"]
    body = json.dumps({"text": "four"})[:-1] + ', "promptTokenCount": 7, "candidatesTokenCount": 2}'
    web = rig.script("http", {"ok": {"status": 200, "headers": [], "body": body.replace(": ", ":")}})
    rig.script("env", "k-1", None)
    host.unload(image.name)
    answer = host.chat(image, [Message("system", "be brief"), Message("user", "2+2?")], "m-1")
    assert answer.text == "four"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 2)
    ((function, url, sent, headers),) = web.asked
    assert function == "post"
    assert url == "https://generativelanguage.googleapis.com/v1beta/models/m-1:generateContent?key=k-1"
    assert json.loads(sent) == {"contents": [{"role": "user", "parts": [{"text": "2+2?"}]}]}
    assert headers == [("Content-Type", "application/json")]


def test_what_it_prints_is_logged_and_its_code_is_an_error(
    rig: Rig, plugin: Callable[..., PluginImage]
) -> None:
    rig.script("env", None)
    with pytest.raises(PluginFailed, match="could not answer: provider_chat returned -4"):
        rig.host.chat(plugin("gemini-oauth"), [Message("user", "x")], "")
    assert rig.said == [("warn", "no API key, and nobody signed in")]


def test_an_expired_token_by_the_clock(rig: Rig, plugin: Callable[..., PluginImage]) -> None:
    host, image = rig.host, plugin("gemini-oauth")
    rig.script("env", None, None, None)
    host.auth_init(image, json.dumps({"access_token": "a", "expiry_date": int(time.time() * 1000) + 60_000}))
    assert host.auth_status(image) == "authenticated"
    host.auth_init(image, json.dumps({"access_token": "a", "expiry_date": 1_000}))
    assert host.auth_status(image) == "expired"


# -- channels


def test_a_channel(rig: Rig, plugin: Callable[..., PluginImage]) -> None:
    rig.script("env", *[None] * 9)
    text = {"ok": {"message": "hello", "closed": False, "error": None}}
    nothing = {"ok": {"message": None, "closed": False, "error": None}}
    sockets = rig.script("ws", {"ok": 7}, text, nothing, {"ok": None}, {"ok": None})
    channel = rig.host.channel(plugin("discord"))
    info = channel.info()
    assert (info.id, info.display_name, info.supports_edits) == ("discord", "Discord", False)
    assert info.description == "Discord interactions channel"
    assert channel.status() == "not-authenticated"
    channel.authenticate('{"bot_token": "b-1"}')
    channel.start()
    (message,) = channel.poll()
    assert (message.conversation_id, message.user_id, message.text) == ("channel-1", "user-1", "hello")
    assert message.metadata == '{"discord":{}}'
    sent = channel.send(Outbound("channel-1", "hi"))
    assert (sent.success, sent.message_id, sent.error) == (True, "channel-1-1", None)
    assert json.loads(channel.widget()) == {"status": "connected", "messages": {"sent": 1, "received": 1}}
    channel.stop()
    assert sockets.asked == [
        ("connect", "wss://gateway.discord.gg/?v=10&encoding=json", []),
        ("recv", 7, 0, 65536),
        ("recv", 7, 0, 65536),
        ("send", 7, "hi"),
        ("close", 7),
    ]
    channel.logout()
    assert channel.send(Outbound("channel-1", "hi")).error == "no valid send token"
    levels = [("info", f"discord channel plugin {word}") for word in ("started", "stopped")]
    assert rig.said == levels


def test_a_webhook_and_an_event(rig: Rig, plugin: Callable[..., PluginImage]) -> None:
    channel = rig.host.channel(plugin("discord"))
    answer = channel.webhook(WebhookRequest("GET", "/hook"))
    assert (answer.status, answer.headers, answer.messages) == (405, [("Allow", "POST")], [])
    answer = channel.webhook(WebhookRequest("POST", "/hook", headers=[("A", "b")], body="ping"))
    assert (answer.status, answer.body) == (200, '{"type":5}')
    assert [message.text for message in answer.messages] == ["ping"]
    assert [message.text for message in channel.event('{"t": "MESSAGE_CREATE", "content": "hey"}')] == ["hey"]


# -- imports, one by one, through the probe


def ask(rig: Rig, image: PluginImage, name: str, *args: str) -> tuple[int, str]:
    """Have the probe call an import: its code, and what was written; nothing else may have been."""
    said = rig.host.process_tokens(image, "\n".join((name, *args)))
    assert said is not None
    code, state, text = said.split(" ", 2)
    assert state == "intact", said
    return int(code), text


@pytest.fixture
def probe(plugin: Callable[..., PluginImage]) -> PluginImage:
    return plugin("probe")


def test_storage(rig: Rig, probe: PluginImage) -> None:
    assert ask(rig, probe, "storage.get", "=k", ">") == (0, "")
    assert ask(rig, probe, "storage.set", "=k", "=ä\0v") == (0, "")
    assert ask(rig, probe, "storage.get", "=k", ">") == (4, "ä\0v")
    assert ask(rig, probe, "storage.delete", "=k") == (0, "")
    assert ask(rig, probe, "storage.get", "=k", ">") == (0, "")
    assert ask(rig, probe, "storage.set", "=" + "k" * 2_000, "=v") == (-1, "")


def test_long_texts_cross_whole(rig: Rig, probe: PluginImage) -> None:
    long = "\0" + "ä" * 29_000
    assert ask(rig, probe, "storage.set", "=k", "=" + long) == (0, "")
    assert ask(rig, probe, "storage.get", "=k", ">") == (58_001, long)


@pytest.mark.parametrize(
    ("interface", "call"),
    [
        ("storage", ["storage.get", "=k", ">"]),
        ("http", ["http.get", "=https://a.example", "=[]", ">"]),
        ("fs", ["fs.read", "=~/x", ">"]),
        ("ws", ["ws.recv", "#1", "#0", "#70000", ">"]),
    ],
)
def test_a_result_longer_than_any_buffer_is_a_code_and_nothing_is_written(
    rig: Rig, probe: PluginImage, interface: str, call: list[str]
) -> None:
    most = 128 << 10
    shapes: dict[str, Callable[[str], Any]] = {
        "storage": lambda text: text,
        "http": lambda text: {"ok": {"status": 200, "headers": [], "body": text}},
        "fs": lambda text: {"ok": text},
        "ws": lambda text: {"ok": {"message": text, "closed": False, "error": None}},
    }
    envelopes = {
        "http": '{"status":200,"headers":[],"body":""}',
        "ws": '{"ok":true,"message":"","closed":false,"error":null}',
    }
    envelope = len(envelopes.get(interface, ""))
    shape = shapes[interface]
    rig.script(interface, shape("x" * (most + 1 - envelope)), shape("x" * (most - envelope)))
    granted = CapabilitySet.of([*GRANTED, Capability("fs_read", "~/x")])
    image = PluginImage("p", "auth", probe.wasm, granted, probe.data)
    assert ask(rig, image, *call)[0] == -3
    ((level, message),) = rig.said
    assert (level, message) == (
        "warn",
        f"the answer to {call[0]} is 131,073 bytes long; this plugin's ABI accepts 131,072",
    )
    assert ask(rig, image, *call)[0] == most


def test_env(rig: Rig, probe: PluginImage) -> None:
    env = rig.script("env", "v", None, "x" * 256, "x" * 257, "ä" * 129)
    assert ask(rig, probe, "env.get", "=A_1", ">") == (1, "v")
    assert ask(rig, probe, "env.get", "=A_2", ">") == (0, "")
    assert ask(rig, probe, "env.get", "=A_3", ">") == (256, "x" * 256)
    assert ask(rig, probe, "env.get", "=A_4", ">") == (-3, "")
    assert ask(rig, probe, "env.get", "=A_5", ">") == (-3, "")
    assert [name for _, name in env.asked] == ["A_1", "A_2", "A_3", "A_4", "A_5"]
    assert rig.said[-1] == ("warn", "the answer to env.get is 258 bytes long; this plugin's ABI accepts 256")


def test_http(rig: Rig, probe: PluginImage) -> None:
    answer = {"ok": {"status": 200, "headers": [["a", "b"]], "body": 'x"ä'}}
    failed = {"err": {"message": "no route", "status": None, "denied": False}}
    denied = {"err": {"message": "is not granted", "status": None, "denied": True}}
    web = rig.script("http", answer, answer, failed, denied)
    said = '{"status":200,"headers":[["a","b"]],"body":"x\\"ä"}'
    assert ask(rig, probe, "http.get", "=u", "=", ">") == (len(said.encode()), said)
    assert ask(rig, probe, "http.post", "=u", "=body", '=[["k","v"]]', ">")[1] == said
    assert ask(rig, probe, "http.get", "=u", "=[]", ">")[1] == '{"error":"no route"}'
    assert ask(rig, probe, "http.get", "=u", "=[]", ">") == (-2, "")
    assert web.asked[:2] == [("get", "u", []), ("post", "u", "body", [("k", "v")])]


@pytest.mark.parametrize(
    "headers",
    [
        "{}",
        "[",
        "[1]",
        '[["a"]]',
        '[["a","b","c"]]',
        '[["a",1]]',
        '"x"',
        r'[["a","\ud800"]]',
        "[" * 60_000,
    ],
)
def test_headers_that_are_none_never_reach_the_host(rig: Rig, probe: PluginImage, headers: str) -> None:
    web = rig.script("http")
    assert ask(rig, probe, "http.get", "=u", f"={headers}", ">") == (-1, "")
    assert web.asked == []


def test_log(rig: Rig, probe: PluginImage) -> None:
    levels = ["debug", "info", "warn", "error"]
    for level in levels:
        assert ask(rig, probe, f"log.{level}", f"=at {level}") == (0, "")
    assert rig.said == [(level, f"at {level}") for level in levels]


def test_files(rig: Rig, probe: PluginImage) -> None:
    granted = CapabilitySet.of([*GRANTED, Capability("fs_read", "~/x")])
    image = PluginImage("p", "auth", probe.wasm, granted, probe.data)
    denied = {"err": {"message": "no", "denied": True}}
    unreadable = {"err": {"message": "no such file", "denied": False}}
    files = rig.script("fs", {"ok": "tökens"}, denied, unreadable, {"ok": ""})
    assert ask(rig, image, "fs.read", "=~/x", ">") == (7, "tökens")
    assert ask(rig, image, "fs.read", "=~/y", ">") == (-2, "")
    assert ask(rig, image, "fs.read", "=~/x", ">") == (-3, "")
    assert ask(rig, image, "fs.read", "=~/x", ">") == (0, "")
    assert [path for _, path in files.asked] == ["~/x", "~/y", "~/x", "~/x"]


def test_web_sockets(rig: Rig, probe: PluginImage) -> None:
    denied = {"err": {"message": "no", "denied": True}}
    failed = {"err": {"message": "there is no connection", "denied": False}}
    text = {"ok": {"message": "m", "closed": False, "error": None}}
    done: Any = {"ok": None}
    sockets = rig.script("ws", {"ok": 3}, denied, done, text, done, failed)
    assert ask(rig, probe, "ws.connect", "=wss://a", '=[["k","v"]]', ">")[1] == '{"ok":true,"handle":3}'
    assert ask(rig, probe, "ws.connect", "=wss://b", "=[]", ">") == (-2, "")
    assert ask(rig, probe, "ws.send", "#3", "=x", ">")[1] == '{"ok":true}'
    received = '{"ok":true,"message":"m","closed":false,"error":null}'
    assert ask(rig, probe, "ws.recv", "#3", "#-5", "#-1", ">")[1] == received
    assert ask(rig, probe, "ws.close", "#3", ">")[1] == '{"ok":true}'
    assert ask(rig, probe, "ws.send", "#4", "=x", ">")[1] == '{"ok":false,"error":"there is no connection"}'
    assert ask(rig, probe, "ws.close", "#-1", ">") == (-1, "")
    assert sockets.asked == [
        ("connect", "wss://a", [("k", "v")]),
        ("connect", "wss://b", []),
        ("send", 3, "x"),
        ("recv", 3, 0, 0),
        ("close", 3),
        ("send", 4, "x"),
    ]


def test_sockets_end_with_the_instance_that_had_their_handles(rig: Rig, probe: PluginImage) -> None:
    sockets = rig.script("ws", {"ok": 1})
    assert ask(rig, probe, "ws.connect", "=wss://a", "=[]", ">")[0] > 0
    assert sockets.closed == 0
    with pytest.raises(PluginFailed, match="the plugin exited with status 3"):
        ask(rig, probe, "wasi.exit", "#3")
    assert sockets.closed == 1


@pytest.mark.parametrize(
    "call",
    [
        ["storage.get", "=k", ">"],
        ["storage.set", "=k", "=v"],
        ["storage.delete", "=k"],
        ["http.get", "=https://a.example", "=[]", ">"],
        ["http.post", "=https://a.example", "=", "=[]", ">"],
        ["env.get", "=A_1", ">"],
        ["fs.read", "=~/x", ">"],
        ["ws.connect", "=wss://a.example", "=[]", ">"],
        ["ws.send", "#1", "=x", ">"],
        ["ws.recv", "#1", "#0", "#1", ">"],
        ["ws.close", "#1", ">"],
    ],
)
def test_what_is_not_granted_is_a_code(rig: Rig, probe: PluginImage, call: list[str]) -> None:
    image = PluginImage("p", "auth", probe.wasm, CapabilitySet(), probe.data)
    assert ask(rig, image, *call) == (-2, "")
    assert [line.message for line in rig.lines if line.by_host] == [
        f"asked for {call[0].partition('.')[0]}, which is not granted to this plugin"
    ]


# -- WASI with nothing in it


def test_clocks_randomness_and_an_empty_environment(rig: Rig, probe: PluginImage) -> None:
    for clock in (0, 1):
        assert ask(rig, probe, "wasi.clock", f"#{clock}", "#1", ">")[0] == 0
    assert ask(rig, probe, "wasi.clock", "#2", "#1", ">")[0] == 28
    assert ask(rig, probe, "wasi.clock", "#0", "#1", ">>4")[0] == 21
    assert ask(rig, probe, "wasi.environ_sizes", ">", ">")[0] == 0
    assert ask(rig, probe, "wasi.environ", ">", ">")[0] == 0
    assert ask(rig, probe, "wasi.random", ">", "#8")[0] == 0
    assert ask(rig, probe, "wasi.random", ">>4", "#8")[0] == 21
    for length in (-1, (64 << 10) + 1):
        assert ask(rig, probe, "wasi.random", ">", f"#{length}")[0] == 28


def test_what_is_printed_is_logged_line_by_line(rig: Rig, probe: PluginImage) -> None:
    assert ask(rig, probe, "wasi.print", "#1", "=one") == (3, "")
    assert ask(rig, probe, "wasi.print", "#2", "=panicked at x.rs") == (16, "")
    assert ask(rig, probe, "wasi.print", "#1", "=" + "x" * 9_000)[0] == 9_000
    assert ask(rig, probe, "wasi.print", "#3", "=file") == (8, "")
    assert rig.said == [
        ("info", "one"),
        ("warn", "panicked at x.rs"),
        ("info", "x" * 4096 + " (cut: the line is longer)"),
    ]
    for pieces, count in ((-8, 1), (1024, -1), (1024, 2_000)):
        code = ask(rig, probe, "wasi.write", "#1", f"#{pieces}", f"#{count}", ">")[0]
        assert code in (21, 28)


def test_an_exit_is_an_error_and_the_next_call_works(rig: Rig, probe: PluginImage) -> None:
    with pytest.raises(PluginFailed, match="the plugin exited with status 4294967295"):
        ask(rig, probe, "wasi.exit", "#-1")
    assert rig.host.display_name(probe) == "Probe"


# -- what it may use


def test_arguments_are_bounded_in_all(rig: Rig, probe: PluginImage) -> None:
    host = PluginHost(Limits(seconds=5, output=100_000), interfaces=lambda _image, _report: rig.served)
    with host, pytest.raises(LimitReached, match="the plugin passed more than 100,000 bytes of text at once"):
        host.process_tokens(probe, "storage.set\n=k\n=" + "x" * 100_000)


def test_buffers_are_given_back(rig: Rig, probe: PluginImage) -> None:
    """4 MiB of memory would be gone after 60 calls, each with a buffer of 64 KiB."""
    host = PluginHost(Limits(seconds=5, memory=4 << 20), interfaces=lambda _image, _report: rig.served)
    with host:
        for _ in range(200):
            assert host.process_tokens(probe, "storage.get\n=k\n>") == "0 intact "
