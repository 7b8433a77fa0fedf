"""Loopback services that plugins talk to: an OAuth device-flow server and an OpenAI-compatible chat server."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from support.stopping import running


class Service(ThreadingHTTPServer):
    """What a service is told and remembers."""

    daemon_threads = True
    requests: list[tuple[str, str, dict[str, str], str]]
    pending: int = 1
    fate: str = "success"
    ended: threading.Event

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def authority(self) -> str:
        """host:port, as a grant names it."""
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve("")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("content-length", "0"))).decode())

    def _serve(self, body: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers, body))
        status, answer = self.answer(body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def answer(self, body: str) -> tuple[int, Any]:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Say nothing."""


class OAuth(_Handler):
    """RFC 8628: a code, then pending for a while, then a token or an error."""

    def answer(self, body: str) -> tuple[int, Any]:
        if self.path == "/device/code":
            return 200, {
                "device_code": "dev-123",
                "user_code": "ABCD-EFGH",
                "verification_uri": f"http://{self.server.authority}/activate",
                "expires_in": 60,
                "interval": 1,
            }
        assert parse_qs(body)["device_code"] == ["dev-123"]
        if self.server.pending:
            self.server.pending -= 1
            return 400, {"error": "authorization_pending"}
        if self.server.fate != "success":
            return 400, {"error": self.server.fate}
        return 200, {"access_token": "s3cret-token", "token_type": "bearer"}


class Chat(_Handler):
    """The two endpoints of an OpenAI-compatible server; it says back what it was told.

    Unless its fate begins with "broken" (status 500, and these words) or is "silent" (no answer before the service ends).
    """

    def answer(self, body: str) -> tuple[int, Any]:
        if self.path == "/v1/models":
            return 200, {"data": [{"id": "echo-1"}, {"id": "echo-2"}]}
        if self.server.fate == "silent":
            self.server.ended.wait()
        if self.server.fate.startswith("broken"):
            return 500, {"error": {"message": self.server.fate}}
        asked = json.loads(body)
        text = f"{asked['model']}: " + " | ".join(f"{m['role']}={m['content']}" for m in asked["messages"])
        usage = {"prompt_tokens": len(asked["messages"]), "completion_tokens": 7}
        return 200, {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}


@contextmanager
def serving(handler: type[_Handler]) -> Iterator[Service]:
    """A service on a free loopback port."""
    with Service(("127.0.0.1", 0), handler) as server:
        server.requests = []
        server.ended = threading.Event()
        with running(server):
            try:
                yield server
            finally:
                server.ended.set()
