"""Web servers on loopback that say whatever a test writes, byte for byte; with TLS from an authority of ours."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[["Asked", socket.socket], None]


class Asked:
    """One request as it arrived."""

    def __init__(self, head: bytes, body: bytes, server_name: str | None) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.headers = [
            (name.lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines[1:])
        ]
        self.body = body
        self.server_name = server_name

    def __getitem__(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


def ok(body: bytes = b"hello", *headers: str, status: str = "200 OK") -> Script:
    """An ordinary answer."""

    def answer(_: Asked, connection: socket.socket) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1") + body)

    return answer


def redirect(location: str, status: int = 302) -> Script:
    return ok(b"", f"Location: {location}", status=f"{status} Elsewhere")


def raw(*pieces: bytes) -> Script:
    """Exactly these bytes, then the end."""

    def answer(_: Asked, connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return answer


class Web:
    """Answers path by path; what is not written is 404. ``asked`` is what arrived."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Script] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self._tls = tls
        self._names: dict[int, str | None] = {}
        if tls is not None:
            tls.sni_callback = self._remember
        self._socket = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def _remember(
        self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext
    ) -> None:
        self._names[id(connection)] = name

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(5)
        with contextlib.suppress(OSError), plain:
            connection = plain
            if self._tls is not None:
                connection = self._tls.wrap_socket(plain, server_side=True)
            with connection:
                asked = receive(connection, self._names.get(id(connection)))
                if asked is not None:
                    self.asked.append(asked)
                    page = asked.target.partition("?")[0]
                    self.pages.get(page, ok(b"", status="404 Not Found"))(asked, connection)
                    with contextlib.suppress(OSError):
                        plain.shutdown(socket.SHUT_WR)


def receive(connection: socket.socket, server_name: str | None = None) -> Asked | None:
    """Read one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(1 << 16)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    asked = Asked(head, body, server_name)
    while len(asked.body) < int(asked["content-length"] or 0):
        asked.body += connection.recv(1 << 16)
    return asked


class Proxy:
    """An HTTP proxy that connects every CONNECT to one port on loopback."""

    def __init__(self, to: int, status: str = "200 Connected") -> None:
        self.asked: list[Asked] = []
        self._to = to
        self._status = status
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(5)
            asked = receive(client)
            if asked is None:
                return
            self.asked.append(asked)
            client.sendall(f"HTTP/1.1 {self._status}\r\n\r\n".encode())
            if not self._status.startswith("200"):
                return
            with socket.create_connection(("127.0.0.1", self._to), timeout=5) as server:
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def make_authority(folder: Path, *names: str) -> tuple[Path, Path]:
    """A certificate authority (its certificate's file) and a key with certificate for ``names``."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("test authority", authority_key, authority_key, "test authority", ())
    certificate = _certificate("server", key, authority_key, "test authority", names)
    encoding = serialization.Encoding.PEM
    ca, leaf = folder / "authority.pem", folder / "server.pem"
    ca.write_bytes(authority.public_bytes(encoding))
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    leaf.write_bytes(secret + certificate.public_bytes(encoding))
    return ca, leaf


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: str,
    names: tuple[str, ...],
) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not names:  # RFC 5280, 4.2.1.3: an authority says what its key is for, and Python 3.13 wants to see it
        builder = builder.add_extension(_signs_certificates(), critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), False)
    return builder.sign(signer, hashes.SHA256())


def _signs_certificates() -> x509.KeyUsage:
    uses = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
    others = (*uses, "key_agreement", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(key_cert_sign=True, **dict.fromkeys(others, False))


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
