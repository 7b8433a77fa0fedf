"""A small OCI registry in memory that can do what real ones do rarely, and what hostile ones would."""

import hashlib
import json
import re
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from support.stopping import running

_UPLOADS = re.compile(r"/v2/(.+)/blobs/uploads/(\d*)")
_BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})")
_MANIFEST = re.compile(r"/v2/(.+)/manifests/(.+)")
_TAGS = re.compile(r"/v2/(.+)/tags/list")


class Handler(BaseHTTPRequestHandler):
    """One request. ``reply`` answers it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def do_GET(self) -> None:
        registry = self.server.registry
        length = int(self.headers.get("content-length", "0"))
        broken = registry.broken.pop(self.command, None) if length else None
        self.body = self.rfile.read(length if broken is None else broken)
        self.sent = {name.lower(): value for name, value in self.headers.items()}
        registry.requests.append(f"{self.command} {self.path}")
        registry.headers.append(self.sent)
        if broken is not None:
            registry.receive(self)
            self.connection.close()
            self.close_connection = True
            return
        before = next((hook for begin, hook in registry.answers.items() if self.path.startswith(begin)), None)
        if before is None or not before(self):
            registry.serve(self)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815  the base class's names

    def reply(self, status: int, body: bytes = b"", **headers: str) -> bool:
        """Answer; header names are written with ``_`` for ``-``."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """The tests look at ``requests``."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    registry: "OddRegistry"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or looks whether this is TLS, is no news."""


class OddRegistry:
    """The registry. ``answers`` are asked first, by the beginning of a path, and return whether they answered.

    ``page`` is how many tags a page has. ``broken`` says, by method, after how many bytes of its body the next
    such request loses its connection. ``mounts`` False answers 405 to a mount, as some do.
    """

    def __init__(self, tls: Path | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.uploads: list[bytes] = []
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answers: dict[str, Callable[[Handler], bool]] = {}
        self.page, self.broken, self.mounts = 0, dict[str, int](), True
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.registry = self
        self._tls = tls
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        self._running = running(self._server)
        self._running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.__exit__(None, None, None)
        self._server.server_close()

    @property
    def host(self) -> str:
        """Host and port, as a reference has them."""
        return f"{'localhost' if self._tls else '127.0.0.1'}:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{'https' if self._tls else 'http'}://{self.host}"

    def put(self, data: bytes, *names: str) -> str:
        """Store a blob, or a manifest under these tags; returns its digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        for name in (*names, digest):
            self.manifests[name] = data
        return digest

    def receive(self, handler: Handler) -> None:
        """Keep the bytes of an upload."""
        if (found := _UPLOADS.fullmatch(urlsplit(handler.path).path)) and found[2]:
            self.uploads[int(found[2])] += handler.body

    def serve(self, handler: Handler) -> None:
        """Answer as a registry does."""
        parts = urlsplit(handler.path)
        if found := _UPLOADS.fullmatch(parts.path):
            self._upload(handler, found[1], found[2], parse_qs(parts.query))
        elif found := _BLOB.fullmatch(parts.path):
            self._answer(handler, self.blobs.get(found[2]))
        elif found := _MANIFEST.fullmatch(parts.path):
            if handler.command == "PUT":
                self.put(handler.body, found[2])
                handler.reply(201)
            else:
                self._answer(handler, self.manifests.get(found[2]))
        elif found := _TAGS.fullmatch(parts.path):
            self._tags(handler, found[1], parse_qs(parts.query).get("last", [""])[0])
        else:
            handler.reply(404)

    def _answer(self, handler: Handler, data: bytes | None) -> None:
        if data is None:
            handler.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"pat:secret"}]}')
        else:
            handler.reply(200, data, Docker_Content_Digest="sha256:" + "0" * 64)

    def _upload(self, handler: Handler, name: str, number: str, query: dict[str, list[str]]) -> None:
        place = f"/v2/{name}/blobs/uploads/"
        if handler.command == "POST":
            mount = query.get("mount", [""])[0]
            if mount and not self.mounts:
                handler.reply(405)
            elif mount in self.blobs:
                handler.reply(201, Location=f"/v2/{name}/blobs/{mount}")
            else:
                self.uploads.append(b"")
                handler.reply(202, Location=f"{place}{len(self.uploads) - 1}")
            return
        self.receive(handler)
        held = self.uploads[int(number)]
        if handler.command == "PUT":
            right = self.put(held) == query["digest"][0]
            handler.reply(201 if right else 400, b"" if right else b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        else:
            status = 202 if handler.command == "PATCH" else 204
            handler.reply(status, Location=place + number, Range=f"0-{max(0, len(held) - 1)}")

    def _tags(self, handler: Handler, name: str, last: str) -> None:
        names = sorted(tag for tag in self.manifests if not tag.startswith("sha256:") and tag > last)
        page = names[: self.page or None]
        link = (
            f'</v2/{name}/tags/list?n={self.page}&last={page[-1]}>; rel="next"'
            if len(page) < len(names)
            else ""
        )
        handler.reply(
            200, json.dumps({"name": name, "tags": page}).encode(), **({"Link": link} if link else {})
        )
