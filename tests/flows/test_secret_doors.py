"""Every way to run a plugin uses its bound secret, and none shows it: `call`, `mcp`, `serve openai` and `Host`."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Publisher
from host.imports.web import Asked, Web, ok
from support.agents import connected, run
from support.guests import write_plugin
from support.sandbox import PLUGINS, Sandbox
from support.secret_fixtures import LEAKS, VALUE, parts
from support.served import serving_openai
from support.wat import fetching_tool

from tarkpm import Host
from tarkpm.host.imports.log import LogLine
from tarkpm.io.tls import trusted

AUTHORIZATION = f"Bearer {VALUE}"
MASKED = f"Bearer {'*' * len(VALUE)}"


def repeating(asked: Asked, connection: socket.socket) -> None:
    """Repeat the authorization in a header and in the body."""
    sent = asked["authorization"] or "nothing"
    ok(sent.encode(), f"X-Sent: {sent}")(asked, connection)


def assert_unseen(*texts: str) -> None:
    assert not [part for text in texts for part in parts(text) & LEAKS], texts


class User:
    """Somebody with a tool plugin that asks a server with TLS, and a secret that it is bound to."""

    def __init__(self, sandbox: Sandbox, api: Web, authority: Path) -> None:
        self.sandbox, self.api = sandbox, api
        self.env = {"SSL_CERT_FILE": str(authority)}
        self.host = f"localhost:{api.port}"
        self.wants = (
            f'http = ["{self.host}"]\nenv = ["OPENAI_*"]\n'
            f'[secrets.token]\nhost = "{self.host}"\nheader = "authorization"\nformat = "Bearer {{}}"'
        )
        self.arguments = {"url": f"https://{self.host}/"}
        sandbox.init()
        sandbox.run("secret", "set", "github", stdin=VALUE).ok()
        api.pages["/"] = repeating

    def bind(self, name: str) -> None:
        self.sandbox.run("grant", name, "secret:token=github").ok()

    def sent(self) -> list[str | None]:
        return [asked["authorization"] for asked in self.api.asked]


@pytest.fixture
def user(
    sandbox: Sandbox, api: Web, tls_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[User]:
    trusted.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_files[0]))  # for what runs in this process
    yield User(sandbox, api, tls_files[0])
    trusted.cache_clear()


@pytest.fixture
def tool(user: User, publisher: Publisher) -> User:
    """The plugin is a component, installed from git, so that its tools are pinned."""
    publisher.release(wasm=fetching_tool(), capabilities=user.wants)
    user.sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    user.bind("text-tools")
    return user


@pytest.mark.parametrize("name", ["fetch", "first"])
def test_call(tool: User, name: str) -> None:
    record = tool.sandbox.root / "calls.jsonl"
    words = ("call", "text-tools", name, json.dumps(tool.arguments), "--trace", "--record", record, "-vv")
    done = tool.sandbox.run(*words, env=tool.env).ok()
    assert tool.sent() == [AUTHORIZATION]
    assert done.out == f"{MASKED}\n"
    (asked, *_) = [json.loads(line) for line in record.read_text().splitlines()]
    assert (asked["interface"], asked["function"], asked["args"][1]) == ("http", "get", [])
    assert_unseen(done.out, done.err, record.read_text())


@pytest.mark.parametrize("value", ["short", "0123456789\r\nX-Evil: y", "grüße-0123456789"])
def test_call_with_a_value_that_was_edited(tool: User, value: str) -> None:
    """In the file of the secret: it is not sent, and it is not shown."""
    file = tool.sandbox.state / "secrets" / "github.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"value": value}))
    words = ("call", "text-tools", "fetch", json.dumps(tool.arguments), "-v")
    failed = tool.sandbox.run(*words, env=tool.env).failed(1, "the secret 'token' is not available")
    assert "the secret 'github' cannot be sent: expected " in failed.err
    assert "(tarkpm secret set github)" in failed.err
    assert (value in failed.err, tool.api.connections) == (False, 0)


def test_call_of_a_plugin_that_sets_the_header_itself(tool: User) -> None:
    record = tool.sandbox.root / "calls.jsonl"
    words = ("call", "text-tools", "claim", json.dumps(tool.arguments), "--record", record, "--json")
    failed = tool.sandbox.run(*words, env=tool.env).failed(
        1, f"https://{tool.host}: the header 'authorization' is set by tarkpm"
    )
    assert tool.api.connections == 0
    assert_unseen(failed.out, failed.err, record.read_text())


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_server_that_wants_what_is_not_bound(tool: User, status: str) -> None:
    """The command that helps is said once, and not where it would not help."""
    tool.api.pages["/"] = ok(b"who are you?", status=status)
    words = ("call", "text-tools", "fetch", json.dumps(tool.arguments))
    assert "tarkpm grant" not in tool.sandbox.run(*words, env=tool.env).ok().err
    tool.sandbox.run("revoke", "text-tools", "secret:token").ok()
    said = f"has no secret 'token' for {tool.host}, which answered {status[:3]}; "
    said += "bind one of yours: tarkpm grant text-tools secret:token=NAME"
    assert tool.sandbox.run(*words, env=tool.env).ok().err.count(said) == 1
    tool.api.pages["/"] = ok()
    assert "tarkpm grant" not in tool.sandbox.run(*words, env=tool.env).ok().err


def test_call_of_a_working_copy(tool: User, publisher: Publisher) -> None:
    """It gets what it declares after one question, which is about no secret: the folder may be anybody's."""
    arguments = json.dumps(tool.arguments)
    command = ("call", publisher.folder, "fetch", arguments, "--accept-capabilities")
    copy = tool.sandbox.run(*command, env=tool.env).ok()
    assert (copy.out, tool.sent()) == ("nothing\n", [None])


def test_mcp(tool: User) -> None:
    """The server sees at its next call what was bound, replaced and revoked meanwhile."""
    tool.sandbox.run("revoke", "text-tools", "secret:token").ok()
    log, seen, said = tool.sandbox.root / "mcp.err", list[str](), list[str]()

    async def session() -> None:
        async with connected(tool.sandbox, env=tool.env, errors=log) as client:

            async def call(name: str = "fetch") -> Any:
                result = await client.call_tool(f"text-tools__{name}", tool.arguments)
                seen.append(result.model_dump_json())
                said.extend(block.text for block in result.content[1:])  # type: ignore[union-attr]
                return result.content[0].text  # type: ignore[union-attr]

            assert await call() == "nothing"
            tool.bind("text-tools")
            assert await call() == MASKED
            assert await call("first") == MASKED
            assert "the header 'authorization' is set by tarkpm" in await call("claim")
            tool.sandbox.run("secret", "set", "github", stdin="another-value-of-mine").ok()
            assert await call() == f"Bearer {'*' * 21}"
            tool.sandbox.run("secret", "remove", "github").ok()
            assert said == []
            assert await call() == f"{tool.host}: the secret 'token' is not available"
            tool.sandbox.run("revoke", "text-tools", "secret:token").ok()
            assert await call() == "nothing"

    run(session)
    why = "'text-tools' is bound to the secret 'github', which is not set"
    assert said == [f"tarkpm: {why}. The user can set it: tarkpm secret set github"]
    assert tool.sent() == [None, AUTHORIZATION, AUTHORIZATION, "Bearer another-value-of-mine", None]
    assert "there is no secret named 'github' (tarkpm secret set github)" in log.read_text()
    assert_unseen(log.read_text(), *seen)


def test_mcp_names_the_command_that_grants_what_a_call_lacked(tool: User, publisher: Publisher) -> None:
    """A host of several, and a secret that a server wants: the one scope or binding that helps, and no other."""
    other = f'http = ["{tool.host}", "private:localhost:9", "api.example.com"]'
    wants = tool.wants.replace(f'http = ["{tool.host}"]', other)
    publisher.release(wasm=fetching_tool(), version="1.1.0", capabilities=wants)
    tool.sandbox.run("update", "--accept-capabilities").ok()
    tool.sandbox.run("revoke", "text-tools", "http:private:localhost:9", "secret:token").ok()
    said = list[str]()

    async def session() -> None:
        async with connected(tool.sandbox, env=tool.env) as client:
            for url in ("https://localhost:9/", "https://undeclared.example/", f"https://{tool.host}/"):
                result = await client.call_tool("text-tools__claim", {"url": url})
                said.extend(block.text for block in result.content[1:])  # type: ignore[union-attr]

    # Less than it says: the call fails after the status arrived.
    tool.api.pages["/"] = lambda _, connection: connection.sendall(
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nwho?"
    )
    run(session)
    near, undeclared, secret = said
    asked, grant = "tarkpm: 'text-tools' asked for http:", "tarkpm grant text-tools"
    assert near.startswith(f"{asked}localhost:9, which is not granted to it. ")
    assert near.endswith(f": {grant} http:private:localhost:9")
    assert (
        undeclared == f"{asked}undeclared.example, which is not granted to it and which it does not declare"
    )
    assert secret.startswith(f"tarkpm: 'text-tools' has no secret 'token' for {tool.host}, ")
    assert secret.endswith(f": {grant} secret:token=NAME")
    failed = tool.sandbox.run("call", "text-tools", "claim", '{"url": "https://localhost:9/"}', env=tool.env)
    failed.failed(1, "help: tarkpm grant text-tools http:private:localhost:9")


def test_host(tool: User) -> None:
    """Programs run plugins as the command line does."""
    logged: list[LogLine] = []
    with Host.open(tool.sandbox.cwd, environment=tool.sandbox.environment(), log=logged.append) as host:
        assert host.call("text-tools", "fetch", tool.arguments) == MASKED
    assert tool.sent() == [AUTHORIZATION]
    assert [line.message for line in logged] == [MASKED]


def test_serve_openai(user: User) -> None:
    """A client of the API makes a provider use the secret: it gets neither that nor a provider's own key."""
    wasm = (PLUGINS / "openai-compat" / "plugin.wasm").read_bytes()
    write_plugin(user.sandbox.cwd / "src", "openai-compat", "provider", wasm, user.wants)
    user.sandbox.run("add", "./src", "--accept-capabilities").ok()
    user.bind("openai-compat")

    def complete(asked: Asked, connection: socket.socket) -> None:
        said = {"role": "assistant", "content": f"you sent {asked['authorization']}"}
        ok(json.dumps({"choices": [{"message": said}], "usage": {}}).encode())(asked, connection)

    user.api.pages["/v1/models"] = ok(b'{"data": [{"id": "echo-1"}]}')
    user.api.pages["/v1/chat/completions"] = complete
    logged: list[LogLine] = []
    env = {"OPENAI_BASE_URL": f"https://{user.host}"}
    with serving_openai(user.sandbox, env=env, logged=logged) as served:
        got = served.chat("openai-compat/echo-1")
        # As long as it is spelled in JSON, with a backslash before two of its characters.
        assert got.text == f"you sent {MASKED}**"
        user.sandbox.run("secret", "remove", "github").ok()
        refused = served.chat("openai-compat/echo-1")
        assert refused.error["message"] == (
            f"openai-compat: the plugin could not answer: {user.host}: the secret 'token' is not available"
        )
    assert user.sent() == [AUTHORIZATION] * 2
    assert_unseen(got.body.decode(), refused.body.decode(), *(line.message for line in logged))
