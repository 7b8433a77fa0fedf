"""The server on loopback: one request a connection, and limits on bytes, time and connections."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.served import received
from support.stopping import running as running_server

from tarkpm.core.local_access import LoopbackAddress
from tarkpm.errors import HostError
from tarkpm.io import local_server
from tarkpm.io.local_server import MAX_BODY, MAX_CONNECTIONS, MAX_HEAD, Head, LocalServer, Reply

ANY = LoopbackAddress("127.0.0.1", 0)


class Echo:
    """Answers with the request's own words; refuses what is sent to /no, and fails at /fault."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def admit(self, head: Head) -> Reply | None:
        return Reply(403, b"no") if head.target == "/no" else None

    def answer(self, head: Head, body: bytes) -> Reply:
        if head.target == "/fault":
            raise ZeroDivisionError("a fault")
        if head.target == "/wait":
            self.go_on.wait(10)
        return Reply(200, f"{head.method} {head.target} {len(body)}".encode())

    def refuse(self, status: int) -> Reply:
        return Reply(status, b"refused")


class Running:
    def __init__(self, server: LocalServer, echo: Echo, problems: list[Exception]) -> None:
        self.server, self.echo, self.problems = server, echo, problems

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.address.port), timeout=10)

    def send(self, data: bytes) -> tuple[int, str]:
        """The status and the body of the response to some bytes."""
        with self.connect() as connection:
            connection.sendall(data)
            return split(received(connection))


def split(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


@contextmanager
def serving(patience: float = 10.0) -> Iterator[Running]:
    echo, problems = Echo(), list[Exception]()
    with (
        LocalServer(ANY, lambda _: echo, problems.append, patience=patience) as server,
        running_server(server),
    ):
        try:
            yield Running(server, echo, problems)
        finally:
            echo.go_on.set()


@pytest.fixture
def running() -> Iterator[Running]:
    with serving() as found:
        yield found


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "host: x", *headers, "", ""]).encode() + body


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_request_is_answered_and_the_connection_ends(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(request("POST /a", "content-length: 3", body=b"abc") + request("GET /b"))
        answer = received(connection)
    assert split(answer) == (200, "POST /a 3")
    for header in (b"connection: close", b"cache-control: no-store", b"x-content-type-options: nosniff"):
        assert header in answer
    assert b"access-control" not in answer.lower()


def test_a_chunked_body_is_read(running: Running) -> None:
    body = b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert running.send(request("POST /a", "transfer-encoding: chunked", body=body)) == (200, "POST /a 3")


def test_a_client_that_waits_to_go_on_is_told_so(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(request("POST /a", "content-length: 1", "expect: 100-continue"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"x")
        assert split(received(connection)) == (200, "POST /a 1")
        refused = request("POST /no", "content-length: 1", "expect: 100-continue")
    assert running.send(refused) == (403, "no")


def test_a_refused_request_sends_its_body_for_nothing(running: Running) -> None:
    """It has the answer before the body is sent, and is not reset while it sends it."""
    body = b"x" * (1 << 20)
    assert running.send(request("POST /no", f"content-length: {len(body)}", body=body)) == (403, "no")


def test_head_has_no_body(running: Running) -> None:
    assert running.send(request("HEAD /a")) == (200, "")


def test_a_fault_of_the_service_is_an_answer(running: Running) -> None:
    assert running.send(request("GET /fault")) == (500, "refused")
    assert [str(problem) for problem in running.problems] == ["a fault"]
    assert running.send(request("GET /a")) == (200, "GET /a 0")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nbad name: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"x" * MAX_HEAD, 431),
    ],
)
def test_what_is_not_http(running: Running, data: bytes, status: int) -> None:
    assert running.send(data) == (status, "refused")


def test_a_body_beyond_the_limit(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(request("POST /a", f"content-length: {MAX_BODY + 1}"))
        piece = b"x" * (1 << 20)
        for _ in range((MAX_BODY >> 20) + 1):
            connection.sendall(piece)
        assert split(received(connection)) == (413, "refused")


@pytest.mark.parametrize("start", [b"", b"GET / HT", request("POST /a", "content-length: 100", body=b"x")])
def test_a_byte_now_and_then_is_late_all_the_same(start: bytes) -> None:
    with serving(patience=0.5) as running, running.connect() as connection:
        begun = time.monotonic()
        connection.sendall(start)
        while not (answer := piece(connection, 0.05)):
            connection.sendall(b"x")
        assert split(answer) == (408, "refused")
        assert time.monotonic() - begun < 3


def piece(connection: socket.socket, seconds: float) -> bytes:
    connection.settimeout(seconds)
    try:
        return connection.recv(65536)
    except TimeoutError:
        return b""


def test_connections_are_bounded_and_free_again(running: Running) -> None:
    waiting = [running.connect() for _ in range(MAX_CONNECTIONS)]
    try:
        for connection in waiting:
            connection.sendall(request("GET /wait"))
        until(lambda: running.server._slots._value == 0)
        assert running.send(b"") == (503, "refused")
        running.echo.go_on.set()
        assert {split(received(connection)) for connection in waiting} == {(200, "GET /wait 0")}
    finally:
        for connection in waiting:
            connection.close()
    until(lambda: running.send(request("GET /a")) == (200, "GET /a 0"))


def test_a_client_that_leaves_disturbs_nobody(running: Running) -> None:
    for data in (b"", b"GET", request("GET /a"), request("POST /a", "content-length: 9")):
        with running.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(data)
    assert running.send(request("GET /a")) == (200, "GET /a 0")
    assert running.problems == []


def test_an_address_in_use(running: Running) -> None:
    with pytest.raises(HostError, match="cannot listen: another program is listening there") as caught:
        LocalServer(running.server.address, lambda _: running.echo, running.problems.append)
    assert caught.value.where == f"127.0.0.1:{running.server.address.port}"


def test_the_limits_are_those_of_the_documentation() -> None:
    assert (local_server.MAX_BODY >> 20, MAX_CONNECTIONS, local_server.PATIENCE) == (8, 32, 10)
