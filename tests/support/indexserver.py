"""A static web server for an index, on loopback, that a test can make lie, drip, redirect or bomb.

::

    with IndexServer(repo.folder) as server:
        server.answers["metadata/timestamp.json"] = lambda handler: handler.reply(200, stale)
        ask(server.url)
        assert server.requests[0].path == "/metadata/2.root.json"
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from support import stopping


@dataclass
class Request:
    """A request as it came; header names in lower case. `sent` grows while the body is."""

    path: str
    headers: Mapping[str, str]
    sent: int = 0


class Handler(BaseHTTPRequestHandler):
    """What an answer of a test gets."""

    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
    protocol_version = "HTTP/1.1"
    server: _Server
    request_seen: Request

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_seen = Request(self.path, headers)
        self.server.requests.append(self.request_seen)
        try:
            for prefix, answer in list(self.server.answers.items()):
                if path.startswith(prefix):
                    answer(self)
                    return
            self.file(self.server.folder / path)
        except OSError:  # the client hung up, as it should on most of what tests send
            self.close_connection = True

    def file(self, file: Path) -> None:
        """Answer with a file, compressed for whoever takes it."""
        if not file.is_file():
            self.reply(404)
            return
        data = file.read_bytes()
        is_text = file.suffix == ".json" and self.server.gzip
        if is_text and "gzip" in self.headers.get("accept-encoding", ""):
            self.reply(200, gzip.compress(data, 6), {"content-encoding": "gzip"})
        else:
            self.reply(200, data)

    def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """A whole answer."""
        self.begin(status, {"content-length": str(len(body)), **(headers or {})})
        self.send(body)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Status and headers; what follows is the test's."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, data: bytes) -> None:
        """Bytes of the body, counted before they go: a client may have them and be gone a moment later."""
        self.request_seen.sent += len(data)
        try:
            self.wfile.write(data)
        except OSError:
            self.request_seen.sent -= len(data)
            raise

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Say nothing."""


Answer = Callable[[Handler], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    folder: Path
    gzip: bool
    answers: dict[str, Answer]
    requests: list[Request]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no news."""


class IndexServer:
    """Serves a folder; `answers` by the beginning of a path come first."""

    def __init__(self, folder: Path, *, compress: bool = True) -> None:
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.folder, self._server.gzip = folder, compress
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self._server.answers, self._server.requests = self.answers, self.requests

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def paths(self) -> list[str]:
        return [request.path.lstrip("/") for request in self.requests]

    def serve(self, folder: Path) -> None:
        """Another folder from now on."""
        self._server.folder = folder

    def instead(self, path: str, body: bytes) -> None:
        """Other bytes for every path that begins so."""
        self.answers[path] = lambda handler: handler.reply(200, body)

    def __enter__(self) -> Self:
        self._thread = stopping.start(self._server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopping.stop(self._server, self._thread)
        self._server.server_close()
