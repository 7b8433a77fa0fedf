"""A company's network on loopback: a git server for members only, behind TLS by an authority of its own, and a
proxy that asks for a login. Names in it are looked up by the proxy and by nobody else."""

import base64
import contextlib
import select
import socket
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from host.imports.web import make_authority

from support.gitserver import GitHandler, GitServer
from support.stopping import running

HOST, ELSEWHERE = "git.example", "elsewhere.example"


def basic(user: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Corporate:
    """What is where, and who may pass; both may be changed at any time."""

    server: GitServer
    authority: Path
    proxy: str
    members: set[str] = field(default_factory=set)  # values of Authorization
    guests: set[str] = field(default_factory=set)  # of Proxy-Authorization; none: everybody
    tunnels: list[tuple[str, str]] = field(default_factory=list)  # where to, with which authorization

    def url(self, name: str, host: str = HOST) -> str:
        """Where a repository is, as its people type it."""
        return f"https://{host}/{name}.git"

    @property
    def environment(self) -> dict[str, str]:
        """What everybody in the company has set."""
        return {"HTTPS_PROXY": self.proxy, "SSL_CERT_FILE": str(self.authority)}

    def admit(self, handler: GitHandler) -> bool:
        """A hook for the git server: members only."""
        if handler.record.headers.get("authorization", "") in self.members:
            return False
        handler.reply(401, b"sign in", {"WWW-Authenticate": 'Basic realm="members"'})
        return True


@contextmanager
def corporate(folder: Path) -> Iterator[Corporate]:
    """The network, up."""
    folder.mkdir(parents=True)
    authority, certificate = make_authority(folder, HOST, ELSEWHERE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with GitServer(folder / "srv") as server:
        inner = server._server
        inner.socket = context.wrap_socket(inner.socket, server_side=True)
        with _Proxy(("127.0.0.1", 0), _Tunnel) as proxy:
            port = proxy.server_address[1]
            network = Corporate(server, authority, f"http://127.0.0.1:{port}")
            server.before = network.admit
            proxy.network = network
            with running(proxy):
                yield network


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    network: Corporate


class _Tunnel(socketserver.StreamRequestHandler):
    """CONNECT, to the one git server whatever the name."""

    server: _Proxy

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self._serve()

    def _serve(self) -> None:
        method, target, *_ = [*self.rfile.readline().decode("latin-1").split(), "", ""]
        headers: dict[str, str] = {}
        while line := self.rfile.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        network, given = self.server.network, headers.get("proxy-authorization", "")
        network.tunnels.append((target, given))
        if network.guests and given not in network.guests:
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif method != "CONNECT" or target not in (f"{HOST}:443", f"{ELSEWHERE}:443"):
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self._join(network.server._server.server_address[1])

    def _join(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as inside:
            ends = {self.connection: inside, inside: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(1 << 16)
                    if not data:
                        return
                    ends[end].sendall(data)
