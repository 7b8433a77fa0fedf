"""An authorization server on loopback that holds a client to RFC 6749, 7636 and 8628, and can misbehave."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from support.stopping import running

TOKENS = {
    "access_token": "access-s3cret",
    "refresh_token": "refresh-s3cret",
    "id_token": "id-s3cret",
    "expires_in": 3600,
    "token_type": "Bearer",
}
CODE = "code-s3cret"


class AuthServer(ThreadingHTTPServer):
    """What it is told and remembers; ``answers`` are given at the token endpoint before the real one."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.challenge: dict[str, str] = {}
        self.answers: list[tuple[int, Any]] = []
        self.device: dict[str, Any] = {"expires_in": 60, "interval": 1}
        self.denies = ""
        self.tokens: dict[str, Any] = dict(TOKENS)

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, path: str) -> str:
        return f"http://{self.authority}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: AuthServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = _single(parts.query)
        self.server.requests.append((parts.path, asked))
        if parts.path != "/authorize":
            return self._answer(200, {"you": "followed a redirect"})
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        self.server.challenge = asked
        said = {"error": self.server.denies} if self.server.denies else {"code": CODE}
        location = asked["redirect_uri"] + "?" + urlencode(said | {"state": asked["state"]})
        return self._answer(302, {}, ("Location", location))

    def do_POST(self) -> None:
        asked = _single(self.rfile.read(int(self.headers["content-length"])).decode())
        self.server.requests.append((self.path, asked))
        if self.server.answers:
            status, answer = self.server.answers.pop(0)
            return self._misbehave(answer) if callable(answer) else self._answer(status, answer)
        if self.path == "/device":
            address = {"verification_uri": self.server.url("/activate"), "user_code": "ABCD-EFGH"}
            return self._answer(200, {"device_code": "device-s3cret"} | address | self.server.device)
        if asked["grant_type"] == "authorization_code":
            return self._trade(asked)
        assert asked["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"
        assert asked["device_code"] == "device-s3cret"
        return self._answer(200, self.server.tokens)

    def _trade(self, asked: dict[str, str]) -> None:
        """RFC 7636, 4.6: the verifier must be what the challenge was made of."""
        digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        agreed = self.server.challenge
        is_right = (
            asked["code"] == CODE
            and challenge == agreed["code_challenge"]
            and (asked["redirect_uri"], asked["client_id"]) == (agreed["redirect_uri"], agreed["client_id"])
        )
        self._answer(*((200, self.server.tokens) if is_right else (400, {"error": "invalid_grant"})))

    def _misbehave(self, how: Any) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.close_connection = True
        try:
            for chunk in how():
                self.wfile.write(chunk)
        except OSError:
            pass

    def _answer(self, status: int, answer: Any, *headers: tuple[str, str]) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in (
            *headers,
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(data))),
        ):
            self.send_header(name, value)
        if 300 <= status < 400 and not headers:
            self.send_header("Location", self.server.url("/elsewhere"))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Say nothing."""


def _single(query: str) -> dict[str, str]:
    found = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    assert all(len(values) == 1 for values in found.values()), "RFC 6749, 3.1: not more than once"
    return {name: values[0] for name, values in found.items()}


def endless() -> Iterator[bytes]:
    """An answer without end."""
    while True:
        yield b" " * 65536


def dripping() -> Iterator[bytes]:
    """An answer that takes its time."""
    while True:
        yield b" "
        time.sleep(0.05)


@contextmanager
def authorizing() -> Iterator[AuthServer]:
    """A server on a free loopback port."""
    with AuthServer() as server, running(server):
        yield server
