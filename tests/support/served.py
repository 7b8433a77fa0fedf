"""`tarkpm serve openai` in this process: the real server and real plugins, and a plain client for it."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.sandbox import Sandbox
from support.silent_ui import SilentUi
from support.stopping import running
from tarkpm.core.local_access import LoopbackAddress
from tarkpm.host.imports.log import LogLine
from tarkpm.io.local_server import LocalServer
from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.run.providers import TokenLink
from tarkpm.ops.serve import serve_openai

TOKEN = "a-token-for-these-tests"


@dataclass(frozen=True)
class Got:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as the one JSON document it must be."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, which must be OpenAI's."""
        found: dict[str, Any] = self.json["error"]
        assert found.keys() == {"message", "type", "param", "code"}, found
        return found

    @property
    def text(self) -> str:
        """The text of a completion."""
        assert self.status == 200, self
        found: str = self.json["choices"][0]["message"]["content"]
        return found


@dataclass(frozen=True)
class Served:
    """A running server."""

    server: LocalServer
    url: str
    ui: SilentUi

    @property
    def authority(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.server.address.port}"

    def ask(self, method: str, path: str, body: object = None, token: str = TOKEN, **headers: str) -> Got:
        """Send a request; bytes go as they are, anything else as JSON. Underscores of headers are hyphens."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.address.port, timeout=20)
        try:
            bearer = {"authorization": f"Bearer {token}"} if token else {}
            connection.request(method, path, data, bearer | named)
            answer = connection.getresponse()
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def chat(self, model: str, *messages: object, **more: object) -> Got:
        """Ask for a completion; without messages, of "hello"."""
        turns = messages or ({"role": "user", "content": "hello"},)
        return self.ask("POST", "/v1/chat/completions", {"model": model, "messages": turns, **more})

    def send(self, data: bytes) -> bytes:
        """Send bytes as they are and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.server.address.port), timeout=20) as connection:
            connection.sendall(data)
            return received(connection)


def received(connection: socket.socket) -> bytes:
    """All that a connection still brings."""
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


@contextmanager
def serving_openai(
    sandbox: Sandbox,
    *,
    env: Mapping[str, str] | None = None,
    links: Sequence[TokenLink] = (),
    logged: list[LogLine] | None = None,
) -> Iterator[Served]:
    """The provider plugins of a sandbox's project, served at a free port."""
    environment = sandbox.environment(**(env or {}))
    settings = Settings(cwd=Path(sandbox.cwd), paths=user_paths(environment), environment=environment)
    ui, lines = SilentUi(), [] if logged is None else logged
    opened = serve_openai(
        settings, ui, LoopbackAddress("127.0.0.1", 0), token=TOKEN, links=links, log=lines.append
    )
    with opened as (server, report), running(server):
        yield Served(server, report.url, ui)
