"""Debian's docker-registry (CNCF distribution) on loopback: plain, with htpasswd, with TLS, or with a token server."""

import base64
import contextlib
import datetime
import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from support import daemons
from support.daemons import free_port, needed
from support.stopping import running

USER, PASSWORD = "pat", "correct horse"
_LINE = re.compile(r'"([A-Z]+) (/\S*) HTTP/1\.1" (\d+)')


@dataclass
class OciRegistry:
    """A running registry. ``requests`` are those that it answered, as METHOD PATH STATUS."""

    host: str
    folder: Path
    log: Path
    tokens: "TokenServer | None" = None
    tls: bool = False
    _seen: int = 0
    _looks: int = 0

    @property
    def requests(self) -> list[str]:
        """The requests since the last look, without queries; those for tokens come last."""
        lines = [line for line in _LINE.findall(self._settled_log()) if not line[1].startswith("/look-")]
        new = [f"{method} {urlsplit(path).path} {status}" for method, path, status in lines[self._seen :]]
        self._seen = len(lines)
        if self.tokens:
            new += ["GET token 200" for _ in self.tokens.asked]
            self.tokens.asked.clear()
        return new

    def _settled_log(self) -> str:
        """The log, with the lines of all that was answered: the registry writes a line after its answer."""
        self._looks += 1
        path, end = f"/look-{self._looks}", time.monotonic() + 20
        self._ask(path)
        while f" {path} " not in self.log.read_text():
            assert time.monotonic() < end, "the registry writes no log"
            time.sleep(0.01)
        time.sleep(0.02)  # a line of before may come after that one
        return self.log.read_text()

    def _ask(self, path: str) -> None:
        unverified = ssl.create_default_context()
        unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(self.host, context=unverified) if self.tls else HTTPConnection(self.host)
        with contextlib.closing(connection):
            connection.request("GET", path)
            connection.getresponse().read()

    def blob_file(self, digest: str) -> Path:
        """Where a blob is stored, to change it behind the registry's back."""
        name = digest.removeprefix("sha256:")
        return self.folder / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data"


@contextmanager
def oci_registry(
    folder: Path, *, auth: str = "", tls: Path | None = None, redirect: str = ""
) -> Iterator[OciRegistry]:
    """A registry that keeps its blobs in ``folder``. ``auth`` is "", "htpasswd" or "token".

    ``redirect`` is a URL where what is in ``folder`` is served: the registry sends for blobs there.
    """
    program = needed("docker-registry", shutil.which("docker-registry"))
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    http: dict[str, Any] = {"addr": f"127.0.0.1:{port}", "secret": "of the tests"}
    if tls:
        http["tls"] = {"certificate": str(tls), "key": str(tls)}
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder)}},
        "http": http,
    }
    if redirect:
        config["middleware"] = {"storage": [{"name": "redirect", "options": {"baseurl": redirect}}]}
    with TokenServer(folder) if auth == "token" else nullcontext() as tokens:
        if auth == "htpasswd":
            config["auth"] = {"htpasswd": {"realm": "tests", "path": str(_htpasswd(folder))}}
        elif tokens:
            config["auth"] = {"token": tokens.settings()}
        file, log = folder / "config.yml", folder / "access.log"
        file.write_text(json.dumps(config))  # YAML has JSON in it
        with log.open("wb") as output:
            command = [program, "serve", str(file)]
            with daemons.running(command, port, {"PATH": os.environ["PATH"]}, output):
                host = f"{'localhost' if tls else '127.0.0.1'}:{port}"
                yield OciRegistry(host, folder, log, tokens, tls is not None)


def login(folder: Path, host: str, user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    """Write docker's file with a login, and return the environment that leads to it."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": pair}}}))
    return {"DOCKER_CONFIG": str(folder)}


def _htpasswd(folder: Path) -> Path:
    program = needed("htpasswd", shutil.which("htpasswd"))
    file = folder / "htpasswd"
    # 4 is the least cost: each request of the registry computes it.
    line = subprocess.run(
        [program, "-nbB", "-C", "4", USER, PASSWORD], check=True, capture_output=True, text=True
    ).stdout
    file.write_text(line.strip() + "\n")
    return file


@dataclass
class TokenServer:
    """A Bearer token server: one user may push, everybody may pull.

    The tokens are those of CNCF distribution's "Token Authentication Implementation": JWTs by ES256.
    """

    folder: Path
    asked: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> "TokenServer":
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._running = running(self._server)
        self._running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.__exit__(None, None, None)
        self._server.server_close()

    def settings(self) -> dict[str, str]:
        """The registry's settings that trust this server."""
        self._certificate = _self_signed(self._key)
        bundle = self.folder / "tokens.pem"
        bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        realm = f"http://127.0.0.1:{self._server.server_port}/token"
        return {
            "realm": realm,
            "service": "tests",
            "issuer": "tests",
            "rootcertbundle": str(bundle),
        }

    def answer(self, query: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The answer to one request."""
        self.asked.append({**query, "authorization": authorization})
        known = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if authorization not in ("", known):
            return 401, {}
        kind, name, actions = query["scope"].split(":")
        allowed = actions.split(",") if authorization else ["pull"]
        now = int(time.time())
        claims = {
            "iss": "tests",
            "sub": USER if authorization else "",
            "aud": "tests",
            "nbf": now - 60,
            "iat": now,
            "exp": now + 60,
            "jti": str(len(self.asked)),
            "access": [{"type": kind, "name": name, "actions": allowed}],
        }
        return 200, {"token": self._signed(claims)}

    def _signed(self, claims: dict[str, Any]) -> str:
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        text = ".".join(_url64(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_url64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tokens")])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


def _handler(server: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            status, answer = server.answer(query, self.headers.get("authorization", ""))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """The tests look at what was asked."""

    return Handler
