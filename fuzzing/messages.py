"""What arrives over sockets and pipes: frames of workers, HTTP, MCP, answers of servers."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import h11
from mcp_types import jsonrpc_message_adapter

from fuzzing.target import BrokenPromise, Target
from tarkpm.agent.malformed import answer
from tarkpm.core import retry_after
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.local_access import LoopbackAddress
from tarkpm.core.oauth import OAuth
from tarkpm.errors import LimitReached, TarkError
from tarkpm.host.gate import Gate
from tarkpm.host.imports import headers
from tarkpm.host.ipc import frames
from tarkpm.host.ipc.conversation import Conversation, Reported
from tarkpm.host.ipc.decoding import ProtocolError
from tarkpm.host.limits import Limits
from tarkpm.host.results import ToolResult
from tarkpm.io import oauth as oauth_server
from tarkpm.io.http import HttpClient
from tarkpm.io.http_request import RequestLimits
from tarkpm.io.local_server import Head, Reply, _Connection

_LIMITS = Limits(seconds=0.5, load_seconds=1.0, host_calls=50)
_HTTP = RequestLimits(connect=5, stall=5, total=5, body=1 << 20, headers=8 << 10)
_JSON = ("{", "}", "[", "]", '"', ":", ",", "null", "true", "1e9", "\\u0000", "\\ud800")


class _Wire:
    """Stands for a process that has sent ``data`` and will send no more, but still listens."""

    def __init__(self, data: bytes) -> None:
        self.socket, self.theirs = socket.socketpair()
        self.theirs.sendall(data)
        self.theirs.shutdown(socket.SHUT_WR)


class _Deaf:
    """A log that only checks that it is given text."""

    def call(self, function: str, args: tuple[object, ...], deadline: float) -> None:
        assert all(isinstance(arg, str) for arg in args)

    def close(self) -> None:
        pass


def worker(data: bytes) -> None:
    """Talk to a worker that sends these bytes: they end in one of the known ways."""
    _talk(data)


def worker_messages(data: bytes) -> None:
    """The same, with headers that fit: each record is a kind, the lengths of payload and tail, and both."""
    _talk(b"".join(_framed(data)))


def _talk(data: bytes) -> None:
    known = contextlib.suppress(ProtocolError, frames.FrameError, EOFError, LimitReached, Reported)
    for greets in (True, False):
        wire = _Wire(data)
        gate = Gate(CapabilitySet(), {"log": _Deaf()}, lambda _: None, calls=10)
        conversation = Conversation(wire, _LIMITS, gate)  # type: ignore[arg-type]  # only its socket is used
        until = time.monotonic() + 5
        with wire.theirs, wire.socket, known:
            if greets:
                conversation.greet(until)
            else:
                conversation.call("execute", ["x", "y"], 1.0, ToolResult, until)


def _framed(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 3 <= len(data):
        kind, length, tail = data[at : at + 3]
        payload, rest = data[at + 3 : at + 3 + length], data[at + 3 + length : at + 3 + length + tail % 16]
        at += 3 + length + len(rest)
        yield frames.header(kind % 16, len(payload), len(rest)) + payload + rest


def http_response(data: bytes) -> None:
    """Read these bytes as the response of a server."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, data))
        thread.start()
        try:
            client = HttpClient(limits=_HTTP)
            with client.open("GET", f"http://127.0.0.1:{listening.getsockname()[1]}/a") as found:
                body = found.read()
                assert len(body) <= _HTTP.body
                assert "\n" not in found.header("location")
                headers.answered(found.headers)
                headers.text(body, found.header("content-type"))
            client.close()
        finally:
            thread.join()


def _serve(listening: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)


def http_headers(data: bytes) -> None:
    """Check the headers that a plugin wants to send, and read what a server says in its own."""
    lines = data.decode("utf-8", "replace").split("\n")
    pairs = [(name, value) for name, _, value in (line.partition(":") for line in lines)]
    retry_after.overloaded(429, lines[0])
    headers.text(data, lines[0])
    for name, value in headers.checked(pairs):
        # What h11 sends must be one header: a line break would begin another.
        h11.Request(method="GET", target="/", headers=[("host", "a"), (name, value)])


def local_request(data: bytes) -> None:
    """Read these bytes as a request to a server of this machine: every one gets one response."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        server = _Serving()
        with contextlib.suppress(ConnectionAbortedError):
            _Connection(ours, ("", 0), server)  # type: ignore[arg-type]  # only its service is used
        if server.problems:
            raise BrokenPromise(repr(server.problems[0]))


class _Serving:
    """A server, and the service behind it, that admits everything."""

    patience = 1.0

    def __init__(self) -> None:
        self.service = self
        self.address = LoopbackAddress("127.0.0.1", 1)
        self.problems: list[Exception] = []

    def report(self, problem: Exception) -> None:
        self.problems.append(problem)

    def admit(self, head: Head) -> Reply | None:
        assert head.method.isascii()
        return None

    def answer(self, head: Head, body: bytes) -> Reply:
        return Reply(200, body[:10])

    def refuse(self, status: int) -> Reply:
        return Reply(status, b"")


def mcp_message(data: bytes) -> None:
    """Read a line of an MCP client: what the SDK refuses is answered, and the answer can be sent."""
    try:
        jsonrpc_message_adapter.validate_json(data, by_name=False)
    except ValueError:
        if said := answer(data):
            said.message.model_dump_json(by_alias=True, exclude_unset=True).encode(
                "utf-8", "backslashreplace"
            )


class _Answered:
    """An HTTP client whose server answers everything with one document."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.status = 200

    @contextlib.contextmanager
    def open(self, *_: object, **__: object) -> Iterator[Any]:
        yield self

    def header(self, _: str) -> str:
        return ""

    def read(self) -> bytes:
        return self._body


def sign_in(data: bytes) -> None:
    """Read the answers of an authorization server: a token fits into a header."""
    wanted = OAuth(flow="device", client_id="a", token_url="https://h/t", device_auth_url="https://h/d")
    server = oauth_server.AuthorizationServer(wanted, _Answered(data))  # type: ignore[arg-type]
    for ask in (lambda: server.refresh("refresh"), lambda: server.poll("device"), server.start_device_flow):
        with contextlib.suppress(TarkError, oauth_server.Rejected):
            found = ask()
            texts = [getattr(found, field) for field in found.__struct_fields__]
            assert all(text.isprintable() for text in texts if isinstance(text, str))


TARGETS = (
    Target("worker-frames", worker),
    Target(
        "worker-messages",
        worker_messages,
        words=(*_JSON, "value", "texts", "interface", "args", "log", "version"),
    ),
    Target(
        "http-response",
        http_response,
        (ValueError,),
        (
            "HTTP/1.1 200 OK\r\n",
            "\r\n\r\n",
            "content-length: ",
            "transfer-encoding: chunked",
            "content-encoding: gzip",
            "deflate",
            "location: ",
        ),
    ),
    Target(
        "http-headers",
        http_headers,
        (ValueError,),
        ("content-type: ", "charset=", "Wed, 21 Oct 2026 07:28:00 GMT"),
    ),
    Target(
        "local-request",
        local_request,
        words=("GET / HTTP/1.1\r\n", "host: ", "expect: 100-continue\r\n", "\r\n\r\n", "chunked"),
    ),
    Target(
        "mcp-message", mcp_message, words=(*_JSON, "jsonrpc", "2.0", "method", "tools/call", "params", "id")
    ),
    Target(
        "oauth-answer",
        sign_in,
        words=(*_JSON, "access_token", "expires_in", "error", "device_code", "interval"),
    ),
)
