"""The budget's clock, and what it reaches: plain sockets, TLS handshakes, and TLS itself."""

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.gitattack import RESULT, Hostile, line, sideband, told
from support.gitserver import GitHandler, GitServer

from tarkpm.errors import TarkError
from tarkpm.io.tls import trusted
from tarkpm.sources.git import GitRemote, TransferLimits, parse
from tarkpm.sources.git.error_translation import clean, translated
from tarkpm.sources.git.limits import MIB, TransferBudget, amount


def test_the_clock_starts_with_the_first_connection_and_ends_with_it() -> None:
    budget = TransferBudget(TransferLimits(total=0.05), "it")
    time.sleep(0.1)
    assert not budget.expired
    here, there = socket.socketpair()
    with here, there:
        budget.watched(here).settimeout(2)
        assert here.recv(1) == b""
        late, other = socket.socketpair()
        with late, other:
            budget.watched(late).settimeout(2)
            assert late.recv(1) == b""
    budget.close()
    budget.close()


def test_a_closed_budget_leaves_no_thread() -> None:
    before = threading.active_count()
    here, there = socket.socketpair()
    with here, there:
        budget = TransferBudget(TransferLimits(), "it")
        budget.watched(here)
        budget.close()
        deadline = time.monotonic() + 10
        while threading.active_count() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() <= before  # fewer if a thread of an earlier test ended meanwhile


@pytest.mark.parametrize(
    ("count", "text"),
    [(256 * MIB, "256 MiB"), (MIB, "1 MiB"), (MIB + 1, "1048577 bytes"), (1000, "1000 bytes")],
)
def test_amounts(count: int, text: str) -> None:
    assert amount(count) == text


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\r\nc  d", "a b c d"),
        (b"\x1b[31mred\x07\x00", "?[31mred??"),
        ("\u202eabc\u200b\u2066", "?abc??"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("x" * 1000, "x" * 199 + "…"),
        ("é" * 10, "é" * 10),
    ],
)
def test_clean(remote: str | bytes, shown: str) -> None:
    assert clean(remote) == shown


class PanicException(BaseException):
    """What pyo3 raises in dulwich's extensions."""


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (PanicException("oops"), "Garbled: the response cannot be parsed (PanicException: oops) [it]"),
        (MemoryError(), "TooLarge: the response does not fit in memory [it]"),
        (RecursionError("deep"), "Garbled: the response cannot be parsed (RecursionError: deep) [it]"),
        (AssertionError(), "Garbled: the response cannot be parsed (AssertionError) [it]"),
        (KeyError("\x1b"), "Garbled: the response cannot be parsed (KeyError: '\\x1b') [it]"),
        (PermissionError(13, "Permission denied"), "Unreachable: the repository cannot be read: permission denied [it]"),
        (ConnectionResetError(), "Unreachable: the connection was closed before everything had arrived [it]"),
    ],
)  # fmt: skip
def test_every_foreign_exception_becomes_ours(problem: BaseException, sentence: str) -> None:
    with pytest.raises(TarkError) as caught, translated(TransferBudget(TransferLimits(), "it")):
        raise problem
    assert told(caught.value) == sentence
    assert caught.value.__cause__ is problem


@pytest.mark.parametrize("problem", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interruptions_pass_through(problem: type[BaseException]) -> None:
    with pytest.raises(problem), translated(TransferBudget(TransferLimits(), "it")):
        raise problem


@contextmanager
def listening(act: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose first connection is given to ``act`` in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _address = server.accept()
            with connection:
                act(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join()


def failing(port: int, limits: TransferLimits) -> str:
    start = time.monotonic()
    with (
        GitRemote(parse(f"https://127.0.0.1:{port}/r"), limits) as session,
        pytest.raises(TarkError) as caught,
    ):
        session.tree(session.resolve())
    assert time.monotonic() - start < 3
    return told(caught.value).replace(str(port), "PORT")


def wait(connection: socket.socket) -> None:
    connection.settimeout(5)
    while connection.recv(1000):
        pass


def test_a_handshake_that_hangs() -> None:
    with listening(wait) as port:
        assert failing(port, TransferLimits(connect=0.2, total=5)) == (
            "Unreachable: no connection within 0.2 seconds [https://127.0.0.1:PORT/r]"
        )


def drip(connection: socket.socket) -> None:
    try:
        connection.sendall(b"\x16\x03\x03\x40\x00")
        for _ in range(100):
            connection.sendall(b"\x02")
            time.sleep(0.05)
    except OSError:
        pass


def test_a_handshake_that_drips() -> None:
    with listening(drip) as port:
        assert failing(port, TransferLimits(connect=1, total=0.4)) == (
            "Unreachable: the transfer took longer than 0.4 seconds [https://127.0.0.1:PORT/r]"
        )


def test_a_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)

    def handshake(connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with listening(handshake) as port:
        assert failing(port, TransferLimits()) == (
            "Unreachable: no secure connection: self-signed certificate [https://127.0.0.1:PORT/r]"
        )


@contextmanager
def secured(tmp_path: Path, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """The server with TLS, its certificate among the system's own."""
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    trusted.cache_clear()  # nothing changes a real process's environment
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with GitServer(tmp_path / "srv", before=hostile) as server:
        inner = server._server
        inner.socket = context.wrap_socket(inner.socket, server_side=True)
        yield server


def test_https_with_one_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile, ports = Hostile.serving({"a": b"1"}), set()

    def note(handler: GitHandler) -> bool:
        ports.add(handler.client_address[1])
        return False

    hostile.on = note
    with secured(tmp_path, hostile, monkeypatch) as server:
        with GitRemote(parse(server.url("demo").replace("http:", "https:"))) as session:
            assert session.tree(session.resolve()).read(["a"]) == {"a": b"1"}
        assert len(server.requests) == 4
        assert len(ports) == 1


def test_the_clock_ends_a_body_that_drips_through_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drip_body(handler: GitHandler) -> bool:
        if b"command=fetch" not in handler.record.body:
            return False
        handler.start(200, RESULT)
        handler.stream(line(b"packfile\n"))
        while not handler.pause(0.05):
            handler.stream(sideband(b"Counting\r", 2))
        return True

    hostile = Hostile.serving({"a": b"1"})
    hostile.on = drip_body
    with secured(tmp_path, hostile, monkeypatch) as server:
        port = server.base.rpartition(":")[2]
        assert failing(int(port), TransferLimits(total=0.5)) == (
            "Unreachable: the transfer took longer than 0.5 seconds [https://127.0.0.1:PORT/r]"
        )


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(secret + certificate)
    return path
