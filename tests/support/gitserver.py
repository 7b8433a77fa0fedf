"""A real git server: `git http-backend` behind a threaded http.server on 127.0.0.1.

    with GitServer(tmp_path / "srv") as server:
        repo = GitRepo(tmp_path / "work")
        repo.write("plugin.toml", b"...")
        repo.commit("first")
        repo.publish(server.root, "demo")
        fetch(server.url("demo"))
        assert server.requests[0].path == "/demo.git/info/refs?service=git-upload-pack"

A `before` hook may answer in git's place, or change what git answers: see GitHandler.
"""

from __future__ import annotations

import contextlib
import functools
import io
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from support import stopping
from support.gitrepo import GitRepo, configure, git_env, make_junk

__all__ = ["GitHandler", "GitRepo", "GitServer", "Hook", "Request", "configure", "make_junk"]

CHUNK = 1 << 16


@dataclass
class Request:
    """One request as it came, and how much was answered; `sent` grows while the answer streams."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # as it came, so perhaps gzip
    status: int = 0
    sent: int = 0  # bytes of the answer's body, without chunk framing


class GitHandler(BaseHTTPRequestHandler):
    """What a hook gets: `record` is the request with its body, and these methods answer it."""

    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
    protocol_version = "HTTP/1.1"
    server: _Server
    record: Request
    _streaming = False

    def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Answer at once."""
        self._head(status, {**(headers or {}), "Content-Length": str(len(body))})
        self.record.sent += len(body)
        self.wfile.write(body)

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Begin an answer of unknown length. Without `end` it breaks off when the hook returns."""
        self._head(status, {**headers, "Transfer-Encoding": "chunked"})
        self._streaming = True

    def stream(self, data: bytes) -> None:
        """Send a part of the answer, at once. An empty part would end it, so it sends nothing."""
        if data:
            self.record.sent += len(data)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """End the answer that `start` began."""
        self.wfile.write(b"0\r\n\r\n")
        self._streaming = False

    def pause(self, seconds: float) -> bool:
        """Sleep; True, at once, when the server is being closed. Hang with this and never with time.sleep."""
        return self.server.owner.stopping.wait(seconds)

    def backend_reply(self) -> tuple[int, dict[str, str], bytes]:
        """What git answers: status, headers and the whole body, for a hook to change and pass on."""
        with self._backend() as (status, headers, stdout):
            return status, headers, stdout.read()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.record.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.record = Request(self.command, self.path, headers, self._body())
        owner = self.server.owner
        owner.requests.append(self.record)
        if owner.before is None or not owner.before(self):
            self._pass_on()
        if self._streaming or not self.record.status:
            self.close_connection = True  # what the hook left unsaid stays unsaid

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _pass_on(self) -> None:
        with self._backend() as (status, headers, stdout):
            self.start(status, headers)
            while data := stdout.read1(CHUNK):
                self.stream(data)
            self.end()

    @contextlib.contextmanager
    def _backend(self) -> Iterator[tuple[int, dict[str, str], io.BufferedReader]]:
        # The request goes through a file: two pipes to one process can wait for each other.
        with tempfile.TemporaryFile() as stdin:
            stdin.write(self.record.body)
            stdin.seek(0)
            pipes: dict[str, Any] = {"stdin": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            with subprocess.Popen([http_backend()], env=self._cgi(), **pipes) as process:
                assert isinstance(process.stdout, io.BufferedReader)
                try:
                    yield (*_cgi_head(process.stdout), process.stdout)
                except BaseException:
                    process.kill()
                    raise

    def _cgi(self) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        headers = self.record.headers
        variables = {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(self.record.body)),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": self.protocol_version,
            "GIT_PROJECT_ROOT": str(self.server.owner.root),
            "GIT_HTTP_EXPORT_ALL": "1",
        }
        if self.server.owner.protocol_v2 and "git-protocol" in headers:
            variables["GIT_PROTOCOL"] = headers["git-protocol"]
        return {**git_env(self.server.owner.root), **variables}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class named it
        """Say nothing: `GitServer.requests` is the log."""


Hook = Callable[[GitHandler], bool]


class GitServer:
    """Serves every `NAME.git` below `root` for as long as the `with` block runs.

    `before` is asked first and returns True if it answered; it and `protocol_v2` may be changed at any
    time. An exception in a hook, a failed assertion too, is raised when the block ends.
    """

    def __init__(self, root: Path, *, before: Hook | None = None, protocol_v2: bool = True) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()
        self.before = before
        self.protocol_v2 = protocol_v2
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self.errors: list[BaseException] = []

    def __enter__(self) -> GitServer:
        self._server = _Server(self)
        self._thread = stopping.start(self._server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        stopping.stop(self._server, self._thread)
        self._server.hang_up()
        self._server.server_close()  # waits for the handlers
        if self.errors and error is None:
            raise self.errors[0]

    def settle(self) -> None:
        """Wait until every client that has ended is done with: all it sent is in `requests`.

        A command that fails in one repository leaves the others' requests on their way.
        """
        with socket.create_connection(("127.0.0.1", self._server.server_port)) as last:  # accepted in order
            last.shutdown(socket.SHUT_WR)
            last.recv(1)
        self._server.wait_until_idle()

    @property
    def base(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, name: str) -> str:
        """Where the repository that was published as `name` is cloned from."""
        return f"{self.base}/{name}.git"

    def configure(self, name: str, *, allow_filter: bool = True, allow_any_sha1: bool = True) -> None:
        """Change what one repository offers."""
        configure(self.root / f"{name}.git", allow_filter=allow_filter, allow_any_sha1=allow_any_sha1)


class _Server(ThreadingHTTPServer):
    """A thread a connection, none of which outlives the server, and no traceback on stderr."""

    daemon_threads = False

    def __init__(self, owner: GitServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), GitHandler)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exc_info()[1]
        # A client that leaves in the middle, as one with a deadline does, is no failure of the server.
        if error is not None and not isinstance(error, ConnectionError):
            self.owner.errors.append(error)

    def wait_until_idle(self) -> None:
        """Wait for the last connection to end, ten seconds at most."""
        deadline = time.monotonic() + 10
        while self._open:
            assert time.monotonic() < deadline, "a client is connected still"
            time.sleep(0.001)

    def hang_up(self) -> None:
        """End idle keep-alive connections, whose handlers would wait for another request."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _cgi_head(stdout: io.BufferedReader) -> tuple[int, dict[str, str]]:
    """The status and headers of a CGI answer; git gives a Status only when it is not 200."""
    headers: dict[str, str] = {}
    while line := stdout.readline().strip().decode("latin-1"):
        name, _, value = line.partition(":")
        headers[name] = value.strip()
    headers.pop("Content-Length", None)  # the answer is framed anew
    return int(headers.pop("Status", "200").split()[0]), headers


@functools.cache
def http_backend() -> str:
    """Where git keeps its HTTP server."""
    where = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    return str(Path(where) / "git-http-backend")
