"""Waiting for a browser: one request is the answer, and everything else that can reach the port is not."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.daemons import free_port

from tarkpm.core.urls import parse
from tarkpm.errors import HostError, Refused, TarkError, Unreachable
from tarkpm.io import loopback
from tarkpm.io.loopback import Listener, RedirectAnswer

STATE = "the-state"


class Waiting:
    """A listener that waits in a thread, and what came of it."""

    def __init__(self, listener: Listener, seconds: float) -> None:
        self.listener = listener
        self.result: RedirectAnswer | TarkError | None = None
        self.told: list[int] = []
        self._thread = threading.Thread(target=self._wait, args=(seconds,))
        self._thread.start()

    def _wait(self, seconds: float) -> None:
        try:
            self.result = self.listener.wait(STATE, time.monotonic() + seconds, self.told.append)
        except TarkError as problem:
            self.result = problem

    def ask(self, target: str, *headers: str, method: str = "GET", host: str | None = None) -> str:
        """Send a request; the status line."""
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {host or f'127.0.0.1:{self.listener.port}'}",
            *headers,
        ]
        return self.send("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes) -> str:
        with socket.create_connection(("127.0.0.1", self.listener.port), timeout=5) as connection:
            connection.sendall(data)
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
        self.page = answer.decode()
        return self.page.split("\r\n")[0]

    def ended(self) -> RedirectAnswer | TarkError | None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self.result


@contextmanager
def waiting(uri: str = "http://127.0.0.1/callback", seconds: float = 20) -> Iterator[Waiting]:
    target = parse(uri)
    if ":" not in uri.partition("://")[2]:
        import msgspec

        target = msgspec.structs.replace(target, port=0)
    with Listener(target) as listener:
        waits = Waiting(listener, seconds)
        try:
            yield waits
        finally:
            with contextlib.suppress(OSError):  # it may have ended just now
                waits.ask(f"{target.path}?error=over&state={STATE}", host=listener._authority)
            waits.ended()


def test_the_answer_is_accepted_and_nothing_after_it() -> None:
    with waiting() as browser:
        assert browser.ask(f"/callback?code=c%20d&state={STATE}&scope=x") == "HTTP/1.1 200 "
        assert "return to the terminal" in browser.page
        assert "content-security-policy: default-src 'none'" in browser.page
        assert "c d" not in browser.page
        assert browser.ended() == RedirectAnswer(code="c d")
        with pytest.raises(ConnectionRefusedError):
            browser.ask(f"/callback?code=second&state={STATE}")
        assert browser.told


def test_an_error_is_an_answer_too() -> None:
    with waiting() as browser:
        browser.ask(f"/callback?error=access_denied&error_description=no+way&state={STATE}")
        assert "You were not signed in" in browser.page
        assert browser.ended() == RedirectAnswer(error="access_denied", description="no way")


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/callback?code=evil&state=guess", (), "400"),
        ("/callback?code=evil", (), "400"),
        ("/callback?code=evil&state=", (), "400"),
        (f"/callback?code=evil&state={STATE}x", (), "400"),
        (f"/callback?code=evil&state=guess&state={STATE}", (), "400"),
        (f"/callback?code=a&code=b&state={STATE}", (), "400"),
        (f"/callback?code=&state={STATE}", (), "400"),
        (f"/callback?state={STATE}", (), "400"),
        ("/callback?error=access_denied&state=guess", (), "400"),
        (f"/callback?state={STATE}&code=%ff", (), "400"),
        ("/callback?" + "&".join(f"a{n}=1" for n in range(100)), (), "400"),
        (f"/other?code=evil&state={STATE}", (), "404"),
        (f"/callback/?code=evil&state={STATE}", (), "404"),
        (f"//callback?code=evil&state={STATE}", (), "404"),
        ("/favicon.ico", (), "404"),
        (f"/callback?code=evil&state={STATE}", ("Origin: https://evil.example",), "403"),
        (f"/callback?code=evil&state={STATE}", ("Origin: null",), "403"),
        (f"/callback?code=evil&state={STATE}", ("Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), "403"),
        (f"/callback?code=evil&state={STATE}", ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"), "403"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_not_the_answer_changes_nothing(target: str, headers: tuple[str, ...], status: str) -> None:
    with waiting() as browser:
        assert browser.ask(target, *headers) == f"HTTP/1.1 {status} "
        assert "Unexpected request" in browser.page
        browser.ask(
            f"/callback?code=right&state={STATE}", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"
        )
        assert browser.ended() == RedirectAnswer(code="right")


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1", "[::1]"])
def test_a_name_that_was_made_to_lead_here_is_refused(host: str) -> None:
    with waiting() as browser:
        assert browser.ask(f"/callback?code=evil&state={STATE}", host=host) == "HTTP/1.1 421 "


def test_other_methods_and_what_is_no_http_are_refused() -> None:
    with waiting() as browser:
        for method in ("POST", "HEAD", "OPTIONS"):
            assert browser.ask(f"/callback?code=x&state={STATE}", method=method) == "HTTP/1.1 405 "
        assert browser.send(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n") in ("HTTP/1.1 400 ", "")
        assert browser.send(b"GET /" + b"x" * 40_000) in ("HTTP/1.1 400 ", "")
        assert browser.ask("/callback", "A: " + "b" * 40_000) in ("HTTP/1.1 400 ", "HTTP/1.1 431 ", "")


def test_visitors_that_say_nothing_do_not_keep_the_answer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "PATIENCE", 0.3)
    with waiting() as browser:
        address = ("127.0.0.1", browser.listener.port)
        silent = [socket.create_connection(address) for _ in range(30)]
        silent[-1].sendall(b"GET /callback?code=")
        time.sleep(0.1)
        assert browser.ask(f"/callback?code=right&state={STATE}") == "HTTP/1.1 200 "
        assert browser.ended() == RedirectAnswer(code="right")
        for one in silent:
            one.close()


def test_a_request_may_come_in_pieces() -> None:
    with waiting() as browser:
        with socket.create_connection(("127.0.0.1", browser.listener.port)) as connection:
            for byte in f"GET /callback?code=c&state={STATE} HTTP/1.1\r\nHost: 127.0.0.1:{browser.listener.port}\r\n\r\n".encode():
                connection.sendall(bytes([byte]))
            assert connection.recv(20).startswith(b"HTTP/1.1 200")
        assert browser.ended() == RedirectAnswer(code="c")


def test_time_and_strangers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with waiting(seconds=0.3) as browser:
        result = browser.ended()
        assert isinstance(result, Unreachable)
        assert result.message == "the browser sign-in was not completed in time"
    monkeypatch.setattr(loopback, "MAX_STRANGE", 3)
    with waiting() as browser:
        for _ in range(3):
            browser.ask("/callback?code=evil&state=guess")
        result = browser.ended()
        assert isinstance(result, Refused)
        assert result.message == "too many unexpected requests arrived instead of the browser's response"


def test_a_declared_port_is_kept_to_and_localhost_is_taken_whole() -> None:
    port = free_port()
    with waiting(f"http://localhost:{port}/cb") as browser:
        assert browser.listener.uri == f"http://localhost:{port}/cb"
        with pytest.raises(OSError):
            socket.create_server(("127.0.0.1", port))
        if socket.has_ipv6:
            with pytest.raises(OSError):
                socket.create_server(("::1", port), family=socket.AF_INET6)
        assert browser.ask(f"/cb?code=c&state={STATE}", host=f"localhost:{port}") == "HTTP/1.1 200 "


def test_it_does_not_listen_to_the_network() -> None:
    with waiting() as browser:
        assert [one.getsockname()[0] for one in browser.listener._listening] == ["127.0.0.1"]


def test_a_port_that_is_taken_is_one_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            HostError,
            match=f"cannot listen for the browser on port {port}: another program is listening there",
        ):
            Listener(parse(f"http://localhost:{port}/cb"))
