"""The one HTTP client, as those use it who keep connections."""

import contextlib
import gzip
import logging
import socket
import threading
import time

import pytest

from host.imports.web import Web
from tarkpm.errors import Refused, TooLarge, Unreachable
from tarkpm.io.http import HttpClient
from tarkpm.io.http_request import RequestLimits
from tarkpm.io.tls import trusted


def talkative(server: socket.socket, pause: float) -> None:
    """Answers request after request on each connection; from the second on, a byte at a time."""

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            count = 0
            while connection.recv(65536):
                count += 1
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
                for _ in range(10):
                    connection.sendall(b"x")
                    time.sleep(pause if count > 1 else 0)

    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


@pytest.mark.parametrize("keep", [0, 2])
def test_connections_are_kept_when_asked_for(keep: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=talkative, args=(server, 0), daemon=True).start()
        ports = set()
        resolved = []

        def resolve(host: str, port: int, deadline: float) -> list[str]:
            resolved.append(host)
            return ["127.0.0.1"]

        client = HttpClient(resolve=resolve, keep=keep)
        for _ in range(3):
            with client.open("GET", f"http://a.test:{server.getsockname()[1]}/") as answer:
                assert answer.read() == b"x" * 10
                ports.add(answer.status)
        client.close()
        assert len(resolved) == (1 if keep else 3)
        server.shutdown(socket.SHUT_RDWR)


def test_a_kept_connection_has_the_deadline_of_its_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=talkative, args=(server, 0.3), daemon=True).start()
        client = HttpClient(keep=2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with client.open("GET", url, deadline=time.monotonic() + 5) as answer:
            answer.read()
        started = time.monotonic()
        with (
            pytest.raises(Unreachable, match="the server did not respond in time"),
            client.open("GET", url, deadline=time.monotonic() + 0.3) as answer,
        ):
            answer.read()
        assert time.monotonic() - started < 2
        client.close()
        server.shutdown(socket.SHUT_RDWR)


class Fickle:
    """Answers each connection's first request, and closes it as the next arrives.

    Only ``answers`` times in all: later connections are closed at once or, with ``hangs``, not at all.
    ``spoken`` is what it says, and ``pause`` how long it waits, before it closes.
    """

    def __init__(self, answers: int, spoken: bytes = b"", *, pause: float = 0.0, hangs: bool = False) -> None:
        self.answers, self.spoken, self.pause, self.hangs = answers, spoken, pause, hangs
        self.heard: list[bytes] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self.heard.append(connection.recv(65536))
            if len(self.heard) > self.answers:
                if self.hangs:
                    connection.recv(65536)
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            self.heard.append(connection.recv(65536))
            connection.sendall(self.spoken)
            time.sleep(self.pause)

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def _ask(client: HttpClient, url: str, method: str = "GET", body: bytes | None = None) -> bytes:
    with client.open(method, url, body=body) as answer:
        return answer.read()


def test_a_kept_connection_that_was_closed_meanwhile() -> None:
    """The server's patience ended as the request was on its way: it is sent once more, on a new connection."""
    server, client = Fickle(answers=100), HttpClient(keep=2)
    try:
        assert [_ask(client, server.url) for _ in range(2)] == [b"ok", b"ok"]
        assert len(server.heard) == 3
    finally:
        client.close()
        server.close()


def test_it_is_sent_once_more_and_not_again() -> None:
    server, client = Fickle(answers=1), HttpClient(keep=2)
    try:
        assert _ask(client, server.url) == b"ok"
        with pytest.raises(Unreachable, match="Server disconnected without sending a response"):
            _ask(client, server.url)
        assert len(server.heard) == 3
    finally:
        client.close()
        server.close()


def test_a_first_request_is_not_sent_again() -> None:
    server, client = Fickle(answers=0), HttpClient(keep=2)
    try:
        with pytest.raises(Unreachable, match="Server disconnected without sending a response"):
            _ask(client, server.url)
        assert len(server.heard) == 1
    finally:
        client.close()
        server.close()


def test_what_may_have_had_an_effect_is_not_sent_again() -> None:
    server, client = Fickle(answers=100), HttpClient(keep=2)
    try:
        assert _ask(client, server.url) == b"ok"
        with pytest.raises(Unreachable, match="Server disconnected|the connection failed"):
            _ask(client, server.url, "POST", b"x")
        assert len(server.heard) == 2
    finally:
        client.close()
        server.close()


@pytest.mark.parametrize("spoken", [b"H", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12"])
def test_what_was_answered_in_part_is_not_asked_again(spoken: bytes) -> None:
    server, client = Fickle(answers=100, spoken=spoken), HttpClient(keep=2)
    try:
        assert _ask(client, server.url) == b"ok"
        with pytest.raises(Unreachable):
            _ask(client, server.url)
        assert len(server.heard) == 2
    finally:
        client.close()
        server.close()


def test_the_second_attempt_has_the_deadline_of_the_first() -> None:
    """The kept connection is closed late, and the next one is never answered."""
    server, client = Fickle(answers=1, pause=0.3, hangs=True), HttpClient(keep=2)
    try:
        assert _ask(client, server.url) == b"ok"
        began = time.monotonic()
        with (
            pytest.raises(Unreachable, match="the server did not respond in time"),
            client.open("GET", server.url, deadline=began + 0.6) as answer,
        ):
            answer.read()
        assert time.monotonic() - began < 2
        assert len(server.heard) == 3
    finally:
        client.close()
        server.close()


def _in_turn(server: socket.socket, *answers: bytes) -> None:
    """Says one answer for each request of a connection; how many connections were made is its backlog's."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with contextlib.suppress(OSError), connection:
            for answer in answers:
                connection.recv(65536)
                connection.sendall(answer)
            connection.recv(65536)


SMALL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LONG = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"2710\r\n%s\r\n" % (b"x" * 10_000) * 50
BOMB = gzip.compress(bytes(50_000_000))
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB


@pytest.mark.parametrize("answer", [LONG, PACKED], ids=["long", "packed"])
def test_a_kept_connection_has_the_limits_of_its_request(answer: bytes) -> None:
    """What went before leaves no room for more, and what is too much ends the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=_in_turn, args=(server, SMALL, SMALL, answer), daemon=True)
        serving.start()
        client = HttpClient(keep=2, limits=RequestLimits(body=100_000))
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        for _ in range(2):
            assert [_ask(client, url), _ask(client, url)] == [b"ok", b"ok"]
            with pytest.raises(TooLarge, match="more than 100,000 bytes|sends without end"):
                _ask(client, url)
        client.close()
        server.shutdown(socket.SHUT_RDWR)


def test_many_threads_one_client(web: Web) -> None:
    client, failed = HttpClient(keep=4), []

    def ask(number: int) -> None:
        try:
            for _ in range(10):
                with client.open("GET", f"http://127.0.0.1:{web.port}/{number}") as answer:
                    assert answer.status == 404
        except Exception as problem:  # noqa: BLE001
            failed.append(problem)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert failed == []
    assert len(web.asked) == 40


def test_authorities_that_are_none(tmp_path: object) -> None:
    with pytest.raises(Refused, match="expected a file of certificates"):
        trusted("/nowhere/at-all.pem")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "expected a URL like"),
        ("x", "expected a URL like"),
        ("ftp://a.test/", "expected a URL like"),
        ("https://", "expected a host in ASCII"),
        ("https://bücher.test/", r"expected a host in ASCII \(xn--… for others\)"),
        ("https://a.test:x/", "expected a host in ASCII"),
        ("https://user@a.test/", "with a user name or password is not accepted"),
        ("https://a.test\\@b.test/", "backslash"),
    ],
)
def test_urls_that_are_none(url: str, sentence: str) -> None:
    client = HttpClient(limits=RequestLimits())
    with pytest.raises(Refused, match=sentence), client.open("GET", url):
        pass


def test_nothing_is_logged(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    """A query may hold a key. (httpcore2 tells of its steps at DEBUG, to those who ask for that.)"""
    caplog.set_level(logging.INFO)
    client = HttpClient()
    with client.open("GET", f"http://127.0.0.1:{web.port}/?key=secret") as answer:
        answer.read()
    client.close()
    assert caplog.records == []
