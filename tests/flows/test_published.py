"""Plugins as tark's ecosystem has published them: unsigned core modules of the older ABI, from git, used.

The repository is laid out as the published one: no tags, a folder for each plugin, build output all over.
"""

import json
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support import older, wat
from support.gitserver import GitRepo, GitServer
from support.sandbox import Sandbox
from support.services import Service, _Handler, serving
from websockets.sync.server import ServerConnection, serve

FOLDERS = {
    "chatgpt": "tark/chatgpt/dist",
    "gemini-oauth": "tark/gemini-oauth/dist",
    "discord": "tark/discord",
}
PAGE = {"chatgpt": "chatgpt-oauth", "gemini-oauth": "gemini-oauth", "discord": "discord"}


class Published:
    """The repository, and a user who has a project."""

    def __init__(self, sandbox: Sandbox, server: GitServer) -> None:
        self._sandbox, self._server = sandbox, server
        self.url = server.url("plugins")

    def publish(self, name: str, *, host: str = "", wasm: bytes = b"") -> None:
        """Publish one; its manifest also asks for ``host``, where a test's server is."""
        repo = GitRepo(self._sandbox.root / "repos" / "plugins")
        folder = FOLDERS[name]
        toml = (older.FOLDER / name / "plugin.toml").read_text()
        if host:
            toml = re.sub(r"(?m)^http = \[", f'http = ["{host}", ', toml)
        repo.write(f"{folder}/plugin.toml", toml.encode())
        module = f"{folder}/dist/plugin.wasm" if name == "discord" else f"{folder}/plugin.wasm"
        repo.write(module, wasm or older.wasm(name))
        repo.write(f"{folder}/README.md", b"read me")
        repo.write(f"{folder}/target/release/deps/libserde.rlib", b"build output")
        repo.commit(f"{name}")
        repo.publish(self._server.root, "plugins")

    def add(self, name: str, **how: str) -> None:
        """Publish one, and have the user take it as the issue's first line does."""
        self.publish(name, **how)  # type: ignore[arg-type]
        if not (self._sandbox.cwd / "tark.toml").exists():
            self._sandbox.init()
        words = ["--path", FOLDERS[name], "--allow-unsigned", PAGE[name], "--accept-capabilities"]
        self._sandbox.run("add", self.url, *words).ok()


@pytest.fixture
def published(sandbox: Sandbox, server: GitServer) -> Published:
    return Published(sandbox, server)


def test_chatgpt_from_add_to_logout(sandbox: Sandbox, published: Published) -> None:
    published.add("chatgpt")
    assert sorted(path.name for path in (sandbox.plugins / "chatgpt-oauth").iterdir() if path.is_file()) == [
        "README.md",
        "plugin.toml",
        "plugin.wasm",
    ]
    page = sandbox.run("info", "chatgpt-oauth").ok().out
    for line in (
        "Type:         provider",
        "ABI:          older tark ABI (core module)",
        "Signer:       UNSIGNED",
    ):
        assert f"{line}\n" in page
    for words in ("onProvider:chatgpt-oauth", "https://auth.openai.com/oauth/authorize", "ChatGPT (OAuth)"):
        assert words in page
    assert re.search(r"fs_read:~/.config/tark/chatgpt_oauth.json +✓ +✓", page)
    assert sandbox.run("info", "chatgpt-oauth", "--json").ok().json["abi"] == "older tark ABI"
    verified = sandbox.run("verify").ok().out
    assert "1 plugin verified" in verified
    assert "older" not in verified
    assert sandbox.run("auth", "status", "chatgpt-oauth").ok().out == "ChatGPT (OAuth): not-authenticated\n"
    sandbox.run("auth", "token", "chatgpt-oauth").failed(
        1, "could not get a token: No credentials stored. Run 'tark auth chatgpt'", "where: chatgpt-oauth"
    )
    kept = sandbox.home / ".config" / "tark"
    kept.mkdir(parents=True)
    (kept / "chatgpt_oauth.json").write_text(json.dumps({"access_token": "at-file"}))
    assert sandbox.run("auth", "token", "chatgpt-oauth").ok().out == "at-file\n"
    status = sandbox.run("auth", "status", "chatgpt-oauth", "--json").ok().json
    assert status == {
        "plugin": "chatgpt-oauth",
        "display_name": "ChatGPT (OAuth)",
        "status": "authenticated",
    }
    sandbox.run("auth", "logout", "chatgpt-oauth").ok()
    sandbox.run("chat", "chatgpt-oauth", "hello").failed(2, "the plugin offers no model")
    sandbox.run("chat", "chatgpt-oauth", "hello", "--model", "m").failed(
        1, "does not export provider_chat", "where: chatgpt-oauth"
    )


class Gemini(_Handler):
    """generateContent, in plain words."""

    def answer(self, body: str) -> tuple[int, object]:
        prompt = json.loads(body)["contents"][0]["parts"][0]["text"]
        if prompt == "fail":
            return 500, {"error": {"message": "overloaded"}}
        text = f"you said {prompt}"
        return 200, {
            "candidates": [{"content": {"parts": [{"text": text}]}}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5},
        }


@pytest.fixture
def gemini() -> Iterator[Service]:
    with serving(Gemini) as service:
        yield service


def test_gemini_talks(sandbox: Sandbox, published: Published, gemini: Service) -> None:
    published.add("gemini-oauth", host=gemini.authority)
    env = {"GEMINI_API_KEY": "k-1", "GEMINI_URL": f"http://{gemini.authority}"}
    models = sandbox.run("chat", "gemini-oauth", "--models").ok().out
    assert models == "gemini-2.0-flash\ngemini-1.5-pro\n"
    assert "Gemini (OAuth): authenticated" in sandbox.run("auth", "status", "gemini-oauth", env=env).ok().out
    said = sandbox.run("chat", "gemini-oauth", "hi there", "--json", env=env).ok().json
    assert said == {
        "plugin": "gemini-oauth",
        "model": "gemini-2.0-flash",
        "text": "you said hi there",
        "input_tokens": 3,
        "output_tokens": 5,
    }
    ((_, path, _, _),) = gemini.requests
    assert path == "/v1beta/models/gemini-2.0-flash:generateContent?key=k-1"
    refused = sandbox.run(
        "chat", "gemini-oauth", "hi", env={"GEMINI_API_KEY": "k-1", "GEMINI_URL": "https://evil.example"}
    )
    refused.failed(1, "could not answer: provider_chat returned -5", "asked for https://evil.example")
    assert "k-1" not in refused.err.replace("key=k-1", "")
    sandbox.run("chat", "gemini-oauth", "hi").failed(
        1,
        "could not answer: provider_chat returned -4",
        "[gemini-oauth] warn: no API key, and nobody signed in",
    )


@contextmanager
def gateway() -> Iterator[tuple[str, list[str]]]:
    """A web socket server that greets, and what it was told."""
    told: list[str] = []

    def talk(connection: ServerConnection) -> None:
        connection.send("hello")
        connection.send("again\x1b[2J")
        told.extend(str(message) for message in connection)

    with serve(talk, "127.0.0.1", 0) as server:
        port = server.socket.getsockname()[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{port}", told
        server.shutdown()


def test_discord_by_hand(sandbox: Sandbox, published: Published) -> None:
    with gateway() as (host, _):
        published.add("discord", host=host)
        env = {"DISCORD_GATEWAY": f"ws://{host}/", "DISCORD_PUBLIC_KEY": "pk"}
        page = sandbox.run("channel", "info", "discord", env=env).ok().out
        assert "Name:         Discord\n" in page
        assert "Status:       not-authenticated\n" in page
        assert (sandbox.plugins / "discord" / "dist" / "plugin.wasm").is_file()
        sandbox.run("channel", "send", "discord", "c-1", "hi", env=env).failed(1, "no valid send token")
        done = sandbox.run("channel", "auth", "discord", "-", stdin='{"bot_token": "b"}', env=env).ok()
        assert done.out == "Discord: authenticated\n"
        assert sandbox.run("channel", "status", "discord", env=env).ok().out == "Discord: authenticated\n"
        assert sandbox.run("auth", "status", "discord", env=env).ok().out == "Discord: authenticated\n"
        sent = sandbox.run("channel", "send", "discord", "c-1", "hi", "--json", env=env).ok().json
        assert sent == {"plugin": "discord", "conversation_id": "c-1", "message_id": "c-1-1"}
        polled = sandbox.run("channel", "poll", "discord", "--seconds", "10", env=env).ok()
        assert polled.out.startswith("channel-1 user-1: hello\n")
        assert "\x1b" not in polled.out
        assert "[discord] info: discord channel plugin started" in polled.err
        assert "[discord] info: discord channel plugin stopped" in polled.err
        sandbox.run("channel", "auth", "discord", "{").failed(2, "the arguments are not JSON")
        assert sandbox.run("auth", "logout", "discord", env=env).ok().out == "Discord: not-authenticated\n"
        assert sandbox.run("channel", "stop", "discord", env=env).ok().out == "Discord: not-authenticated\n"


def test_a_channel_listens_until_its_time_is_up(sandbox: Sandbox, published: Published) -> None:
    with gateway() as (host, _):
        published.add("discord", host=host)
        env = {"DISCORD_GATEWAY": f"ws://{host}/"}
        result = sandbox.run("channel", "start", "discord", "--seconds", "1.5", "--json", env=env).ok()
        texts = [message["text"] for message in result.json["messages"]]
        assert texts[0] == "hello"
        assert "stopped" in result.err


def test_a_channel_that_is_interrupted_is_stopped(sandbox: Sandbox, published: Published) -> None:
    with gateway() as (host, _):
        published.add("discord", host=host)
        process = sandbox.spawn("channel", "start", "discord", env={"DISCORD_GATEWAY": f"ws://{host}/"})
        assert process.stdout is not None
        assert process.stdout.readline() == "channel-1 user-1: hello\n"
        time.sleep(0.5)  # in the pause between two polls, most likely
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "discord channel plugin stopped" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: wat.assemble("(module)"),
         "is a core module that lacks these provider exports of the older tark ABI: memory, alloc, provider_info"),
        (older.module, "older tark ABI: provider_info, provider_chat or provider_auth_credentials"),
        (lambda: _with_import("(import \"env\" \"emscripten_notify\" (func))"),
         "imports 'env.emscripten_notify', which tark does not provide in the older ABI"),
        (lambda: _with_import("(import \"tark:plugin/storage\" \"get\" (func (param i32 i32 i32)))"),
         "is a core module built for tark:plugin and not yet a component; 'tarkpm build' makes it one"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_not_taken(
    sandbox: Sandbox, published: Published, change: Callable[[], bytes], message: str
) -> None:
    published.publish("chatgpt", wasm=change())
    sandbox.init()
    words = ["--path", FOLDERS["chatgpt"], "--allow-unsigned", "chatgpt-oauth", "--accept-capabilities"]
    sandbox.run("add", published.url, *words).failed(
        1, message, "help: tell the publisher, or choose another release"
    )
    assert not sandbox.plugins.exists()


def _with_import(text: str) -> bytes:
    info = older.provider_text(b"{}").replace("(module", f"(module {text}", 1)
    return wat.assemble(info)


def test_inspect_says_which_abi_and_what_is_missing(sandbox: Sandbox) -> None:
    page = sandbox.run("inspect", older.FOLDER / "chatgpt" / "plugin.wasm").ok().out
    assert "Kind:     core module, " in page
    assert "ABI:      older tark ABI\n" in page
    assert "Uses:     storage, env, fs, log\nFits:     auth, provider\n" in page
    assert "  tark:fs\n    read: func(i32, i32, i32) -> i32\n" in page
    assert "  provider_auth_credentials: func(i32) -> i32\n" in page
    (sandbox.cwd / "x.wasm").write_bytes(older.module(name="malloc"))
    page = sandbox.run("inspect", "x.wasm").ok().out
    assert "ABI:      older tark ABI\n" in page
    assert "Fits:     no plugin type\n" in page
    assert "  auth: is a core module that lacks these auth exports of the older tark ABI: alloc\n" in page
    (sandbox.cwd / "x.wasm").write_bytes(wat.core_module())
    assert "ABI:      none of tark\n" in sandbox.run("inspect", "x.wasm").ok().out


def test_from_python(sandbox: Sandbox, published: Published) -> None:
    from tarkpm import Host
    from tarkpm.errors import HostError

    published.add("chatgpt")
    published.add("discord")
    with Host.open(sandbox.cwd, environment=sandbox.environment()) as host:
        assert host.channel("discord").info().display_name == "Discord"
        with pytest.raises(HostError, match="No credentials stored"):
            host.get_token("chatgpt-oauth")
        assert host.models("chatgpt-oauth") == []
