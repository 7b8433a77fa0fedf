"""The one HTTP client, as those use it who keep connections."""

import contextlib
import logging
import socket
import threading
import time

import pytest

from host.imports.web import Web
from tarkpm.errors import Refused, Unreachable
from tarkpm.io.http import Client, Limits
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

        client = Client(resolve=resolve, keep=keep)
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
        client = Client(keep=2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with client.open("GET", url, deadline=time.monotonic() + 5) as answer:
            answer.read()
        started = time.monotonic()
        with (
            pytest.raises(Unreachable, match="no answer in time"),
            client.open("GET", url, deadline=time.monotonic() + 0.3) as answer,
        ):
            answer.read()
        assert time.monotonic() - started < 2
        client.close()
        server.shutdown(socket.SHUT_RDWR)


def test_many_threads_one_client(web: Web) -> None:
    client, failed = Client(keep=4), []

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


@pytest.mark.parametrize("url", ["", "x", "ftp://a.test/", "https://", "https://a.test:x/"])
def test_urls_that_are_none(url: str) -> None:
    client = Client(limits=Limits())
    with pytest.raises(Refused, match="expected a URL like"), client.open("GET", url):
        pass


def test_nothing_is_logged(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    """A query may hold a key. (httpcore2 tells of its steps at DEBUG, to those who ask for that.)"""
    caplog.set_level(logging.INFO)
    client = Client()
    with client.open("GET", f"http://127.0.0.1:{web.port}/?key=secret") as answer:
        answer.read()
    client.close()
    assert caplog.records == []
