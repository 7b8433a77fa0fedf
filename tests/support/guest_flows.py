"""What each of the plugins in tests/guests must do, whatever language it is written in."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.guests import write_plugin
from support.sandbox import Sandbox
from support.services import Chat, OAuth, serving
from tarkpm import Host
from tarkpm.errors import PluginFailed


def install(sandbox: Sandbox, name: str, kind: str, wasm: bytes, capabilities: str = "") -> None:
    """Install a working copy."""
    write_plugin(sandbox.cwd / "src" / name, name, kind, wasm, capabilities)
    if not (sandbox.cwd / "tark.toml").exists():
        sandbox.init()
    sandbox.run("add", f"./src/{name}", "--accept-capabilities").ok()


def counts_and_saves(sandbox: Sandbox, wasm: bytes) -> None:
    """The tool plugin, as a working copy and installed: all its tools, their storage, and what they refuse."""
    folder = write_plugin(sandbox.cwd / "copy", "text-tools", "tool", wasm)
    answer = sandbox.run("call", folder, "text-stats", '{"text":"héllo 🌍\\nworld"}').ok()
    assert answer.json == {"chars": 13, "words": 3, "lines": 2}

    install(sandbox, "text-tools", "tool", wasm)
    listed = sandbox.run("tools", "text-tools", "--json").ok().json["tools"]
    assert [(tool["name"], tool["risk"]) for tool in listed] == [
        ("text-stats", "read-only"),
        ("save-note", "write"),
    ]
    assert listed[0]["schema"]["required"] == ["text"]
    for total, key in enumerate(("one", "two", "two"), start=1):
        saved = sandbox.run("call", "text-tools", "save-note", json.dumps({"key": key, "text": "t"})).ok()
        assert saved.json == {"saved": key, "total": min(total, 2)}
    sandbox.run("call", "text-tools", "save-note", '{"key":"a"}').failed(1, "arguments are invalid")
    sandbox.run("call", "text-tools", "nothing", "{}").failed(1, "unknown tool: nothing")
    sandbox.run("revoke", "text-tools", "storage").ok()
    sandbox.run("call", "text-tools", "save-note", '{"key":"a","text":"b"}').failed(
        1, "storage is not granted"
    )


def signs_in_and_out(sandbox: Sandbox, wasm: bytes) -> None:
    """The auth plugin against the device-flow server: code, pending, token; then what ends it badly."""
    with serving(OAuth) as service:
        wants = f'http = ["{service.authority}"]\nenv = ["DEVICE_AUTH_*"]'
        install(sandbox, "device-auth", "auth", wasm, wants)
        env = {"DEVICE_AUTH_URL": f"http://{service.authority}", "DEVICE_AUTH_CLIENT_ID": "me & you"}
        assert "not-authenticated" in sandbox.run("auth", "status", "device-auth", env=env).ok().out
        sandbox.run("auth", "token", "device-auth", env=env).failed(1, "not authenticated")
        login = sandbox.run("auth", "login", "device-auth", env=env).ok()
        assert "ABCD-EFGH" in login.err
        assert "s3cret" not in login.out + login.err
        assert [path for _, path, _, _ in service.requests] == ["/device/code", "/token", "/token"]
        assert "client_id=me%20%26%20you" in service.requests[0][3]
        assert sandbox.run("auth", "token", "device-auth", env=env).ok().out == "s3cret-token\n"
        out = sandbox.run("auth", "logout", "device-auth", "--json", env=env).ok()
        assert out.json["status"] == "not-authenticated"
        service.fate = "access_denied"
        sandbox.run("auth", "login", "device-auth", env=env).failed(1, "access_denied")
        service.fate = "expired_token"
        sandbox.run("auth", "login", "device-auth", env=env).failed(1, "the code expired")
        count = len(service.requests)
        elsewhere = env | {"DEVICE_AUTH_URL": "http://127.0.0.1:9"}
        sandbox.run("auth", "login", "device-auth", env=elsewhere).failed(1, "127.0.0.1")
        assert len(service.requests) == count


def chats(sandbox: Sandbox, wasm: bytes) -> None:
    """The provider plugin against the chat server: models, roles, tokens, the key in its header."""
    with serving(Chat) as service:
        wants = f'http = ["{service.authority}"]\nenv = ["OPENAI_*"]'
        install(sandbox, "openai-compat", "provider", wasm, wants)
        env = {"OPENAI_BASE_URL": f"http://{service.authority}", "OPENAI_API_KEY": "k-123"}
        assert sandbox.run("chat", "openai-compat", env=env).ok().out == "echo-1\necho-2\n"
        said = (
            sandbox.run("chat", "openai-compat", "héllo", "--system", "be brief", "--json", env=env).ok().json
        )
        assert said["text"] == "echo-1: system=be brief | user=héllo"
        assert (said["input_tokens"], said["output_tokens"]) == (2, 7)
        assert service.requests[-1][2]["authorization"] == "Bearer k-123"
        sandbox.run("revoke", "openai-compat", f"http:{service.authority}").ok()
        count = len(service.requests)
        sandbox.run("chat", "openai-compat", "x", "--model", "m", env=env).failed(1, "http is not granted")
        assert len(service.requests) == count


class Edge:
    """The edge plugin, installed and in one worker for all its attempts, and the host it must not touch."""

    def __init__(self, host: Host, door: "Door") -> None:
        self._host, self.door = host, door

    def gets(self, attempt: str, **arguments: Any) -> Any:
        """What an attempt got."""
        return json.loads(self._host.call("edge", attempt, arguments))

    def fails(self, attempt: str, **arguments: Any) -> str:
        """The error an attempt ended in, as the plugin itself caught and told it."""
        with pytest.raises(PluginFailed) as caught:  # a trap is a PluginCrashed
            self._host.call("edge", attempt, arguments)
        assert caught.value.where == f"edge: {attempt}", caught.value  # an exit is the whole plugin's
        return caught.value.message

    def has_clocks_and_randomness(self) -> None:
        """Of what is at the edge, the two that are allowed."""
        assert self.gets("secrets") != self.gets("secrets")
        begun = time.monotonic()
        passed = self.gets("passing")
        # the guest's clock is rounded to milliseconds, and its 20 ms may seem a little more or less
        assert 0.015 <= passed <= time.monotonic() - begun + 0.01


class Door:
    """A socket on loopback, which nobody is to knock at."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.port: int = listening.getsockname()[1]
        self.knocked = threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        try:
            self._listening.accept()[0].close()
        except OSError:  # closed, at the end
            return
        self.knocked.set()


@contextmanager
def at_the_edge(sandbox: Sandbox, wasm: bytes) -> Iterator[Edge]:
    """The edge plugin on a host that has something to lose."""
    install(sandbox, "edge", "tool", wasm)
    environment = sandbox.environment(AWS_SECRET_ACCESS_KEY="s3cret")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        door = Door(listening)
        with Host.open(sandbox.cwd, environment=environment) as host:
            yield Edge(host, door)
        assert not door.knocked.is_set()
        listening.shutdown(socket.SHUT_RDWR)
