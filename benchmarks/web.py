"""A static web server in a process of its own, as small as a fair peer needs it, that counts what it sends.

Connections stay open, small writes are not held back (asyncio sets TCP_NODELAY), and text is compressed for
whoever takes gzip: as nginx or an object store behind a CDN would. A folder's page is its ``index.html``.
Both sides of a race are served by it, so it must not be what either waits for: an answer that was given
before comes from memory, while its file has not changed.
"""

import asyncio
import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import msgspec

from benchmarks.child import Child, child

TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8"}
"""What is text, and compressed; all else is bytes."""


class Traffic(msgspec.Struct):
    """What passed: paths asked for, in order; bytes of bodies and of heads sent, and of requests."""

    paths: list[str] = []
    bodies: int = 0
    heads: int = 0
    asked: int = 0


class Site:
    """A running server: ``base`` is its address, without a slash at its end."""

    def __init__(self, base: str, child: Child) -> None:
        self.base = base
        self._child = child

    def passed(self) -> Traffic:
        """What passed since this was last called."""
        return msgspec.json.decode(self._child.ask(), type=Traffic)


@contextmanager
def web_server(folder: Path) -> Iterator[Site]:
    """Serve a folder on loopback."""
    with child("web", str(folder)) as process:
        yield Site(f"http://127.0.0.1:{process.said}", process)


class _Files:
    """Whole answers, head and body, by path."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._given: dict[tuple[str, bool], tuple[tuple[int, int], bytes, bytes]] = {}

    def answer(self, path: str, *, takes_gzip: bool) -> tuple[bytes, bytes]:
        """The head and the body for a path, which came from a benchmark: nothing is made safe here."""
        file = f"{self._folder}{path}index.html" if path.endswith("/") else self._folder + path
        try:
            status = os.stat(file)
        except OSError:
            return _head("404 Not Found", "text/plain", 10), b"not found\n"
        version = (status.st_mtime_ns, status.st_size)
        given = self._given.get((path, takes_gzip))
        if given is None or given[0] != version:
            head, body = _read(file, status, takes_gzip)
            given = self._given[path, takes_gzip] = (version, head, body)
        return given[1], given[2]


def _read(file: str, status: os.stat_result, takes_gzip: bool) -> tuple[bytes, bytes]:
    body = Path(file).read_bytes()
    kind = TYPES.get(os.path.splitext(file)[1])
    changed = formatdate(status.st_mtime, usegmt=True)
    more = f'ETag: "{status.st_mtime_ns:x}-{status.st_size:x}"\r\nLast-Modified: {changed}\r\n'
    if kind and takes_gzip:
        body = gzip.compress(body, 6, mtime=0)
        more += "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n"
    return _head("200 OK", kind or "application/octet-stream", len(body), more), body


def _head(status: str, kind: str, length: int, more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nServer: benchmark\r\nDate: {formatdate(usegmt=True)}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n{more}Connection: keep-alive\r\n\r\n"
    ).encode()


class _Connection(asyncio.Protocol):
    def __init__(self, files: _Files, traffic: Traffic) -> None:
        self._files, self._traffic = files, traffic
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._traffic.asked += len(data)
        *requests, self._pending = (self._pending + data).split(b"\r\n\r\n")
        for request in requests:
            line, _, headers = request.partition(b"\r\n")
            method, path, _ = line.decode().split(" ")
            takes_gzip = b"gzip" in headers.lower().partition(b"accept-encoding:")[2].partition(b"\r\n")[0]
            head, body = self._files.answer(path, takes_gzip=takes_gzip)
            self._traffic.paths.append(path)
            self._traffic.heads += len(head)
            if method == "GET":
                self._traffic.bodies += len(body)
                self._transport.write(head + body if len(body) < 65536 else head)
                if len(body) >= 65536:
                    self._transport.write(body)
            else:
                self._transport.write(head)


async def _main(folder: str) -> None:
    files, traffic = _Files(folder), Traffic()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(files, traffic), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(msgspec.json.encode(traffic).decode(), flush=True)
        traffic.paths.clear()
        traffic.bodies = traffic.heads = traffic.asked = 0


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
