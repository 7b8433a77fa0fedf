"""A bounded HTTP client: the caller sets a deadline and a size limit.

Nothing is implicit: the client follows no redirect, keeps no cookie, reads no environment variable or
``.netrc``, and guesses no proxy. A response ends at its deadline, however slowly it arrives, and at its
limit, however it is compressed. The first request imports httpcore2 (`tarkpm.io.http_transport`).

::

    client = Client(proxies=Proxies.read(environment))
    with client.open("GET", url, deadline=deadline) as answer:
        body = answer.read()

Raises `Unreachable`, `TooLarge` and `Refused`.
"""

import contextlib
import ipaddress
import math
import socket
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from tarkpm.core import urls
from tarkpm.errors import Refused, TooLarge, Unreachable
from tarkpm.io.http_request import ACCEPTED, USUAL, Headers, RequestLimits, Resolve
from tarkpm.io.proxies import DIRECT, Proxies, split_proxy

if TYPE_CHECKING:
    import ssl

    from tarkpm.io.http_transport import Exchange, Upgraded, Wire

CHUNK: Final = 64 << 10
_LOOKUPS: Final = threading.BoundedSemaphore(16)
_FOREVER: Final = math.inf


class Response:
    """A status, headers with lower-case names, and a body that is still arriving."""

    def __init__(self, exchange: "Exchange", limits: RequestLimits) -> None:
        self.status: int = exchange.status
        self.headers = _decoded(exchange.headers, limits.headers)
        self._exchange = exchange
        self._limit = limits.body

    def header(self, name: str) -> str:
        """Return all values of one header, joined with ", " (RFC 9110, 5.3); "" if there are none."""
        return ", ".join(value for key, value in self.headers if key == name)

    def chunks(self) -> Iterator[bytes]:
        """Yield the decompressed body. Raises `TooLarge` before it yields more bytes than the limit."""
        size = 0
        for chunk in self._decompressed():
            size += len(chunk)
            # Counted after decompression: a small response may inflate to any size.
            if size > self._limit:
                raise TooLarge(f"the response has more than {self._limit:,} bytes")
            yield chunk

    def read(self) -> bytes:
        """Return the whole decompressed body."""
        return b"".join(self.chunks())

    def _decompressed(self) -> Iterator[bytes]:
        encodings = self.header("content-encoding").lower().replace(",", " ").split()
        match [name for name in encodings if name != "identity"]:
            case []:
                return self._exchange.body()
            case ["gzip" | "x-gzip"]:
                return _inflated(self._exchange.body(), raw=False)
            case ["deflate"]:
                return _inflated(self._exchange.body(), raw=True)
        bare = f"expected a response encoded as {ACCEPTED}"
        raise Refused(f"{bare}, found '{', '.join(encodings)[:40]}'", bare=bare)


def lookup(host: str, port: int, deadline: float) -> list[str]:
    """Return the addresses of a host in the system's order. Raises `Unreachable`, also at the deadline.

    The system's resolver cannot be interrupted, so a late lookup continues in a thread and is ignored.
    """
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    found: list[list[str]] = []

    def look() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.append(list(dict.fromkeys(str(answer[4][0]) for answer in answers)))
        except (OSError, UnicodeError):
            found.append([])
        finally:
            _LOOKUPS.release()

    # Bounded, because threads of late lookups cannot be stopped and would pile up.
    if not _LOOKUPS.acquire(timeout=max(0.0, min(deadline - time.monotonic(), threading.TIMEOUT_MAX))):
        raise Unreachable("too many name lookups are running", where=host)
    thread = threading.Thread(target=look, name="lookup", daemon=True)
    thread.start()
    thread.join(max(0.0, min(deadline - time.monotonic(), threading.TIMEOUT_MAX)))
    if not found:
        raise Unreachable("the name lookup timed out", where=host)
    if not found[0]:
        raise Unreachable("the name has no address", where=host)
    return found[0]


class HttpClient:
    """Send requests. Safe for several threads, each with its own open response.

    ``resolve`` decides which addresses are connected to, except for proxies, which the user chose.
    ``authorities`` is a file of certificates to trust instead of the system's. Up to ``keep`` idle
    connections stay open for the next request to the same host.
    """

    def __init__(
        self,
        *,
        proxies: Proxies = DIRECT,
        authorities: str = "",
        limits: RequestLimits = USUAL,
        resolve: Resolve = lookup,
        keep: int = 0,
    ) -> None:
        self.limits = limits
        self._proxies = proxies
        self._authorities = authorities
        self._resolve = resolve
        self._keep = keep
        self._wires: dict[tuple[bool, str], Wire] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def open(
        self,
        method: str,
        url: str,
        headers: Headers = (),
        body: bytes | None = None,
        *,
        deadline: float = _FOREVER,
    ) -> Iterator[Response]:
        """Send one request and return once the headers have arrived. Read the body in the same thread."""
        until = min(deadline, time.monotonic() + self.limits.total)
        target = _target(url)
        with self._wire(target).exchange(method, target, headers, body, until) as exchange:
            yield Response(exchange, self.limits)

    def upgrade(self, url: str, headers: Headers, *, deadline: float) -> "Upgraded":
        """Ask for another protocol on a new connection, which the caller closes."""
        until = min(deadline, time.monotonic() + self.limits.total)
        target = _target(url)
        return self._wire(target).upgrade(target, headers, until)

    def close(self) -> None:
        """Close kept connections. Later requests do not keep theirs, because nothing would close them."""
        with self._lock:
            wires, self._wires, self._keep = self._wires, {}, 0
        for wire in wires.values():
            wire.close()

    def _wire(self, target: urls.RequestTarget) -> "Wire":
        from tarkpm.io.http_transport import Wire

        proxy = self._proxies.find(target.scheme, target.host, target.port)
        # A proxy may itself be reached over https.
        encrypted = target.scheme == "https" or bool(proxy)
        with self._lock:
            wire = self._wires.get((encrypted, proxy))
            if wire is None:
                # The user chose the proxy, so it may have any address, also a private one.
                resolve = lookup if proxy else self._resolve
                wire = self._wires[encrypted, proxy] = Wire(
                    self.limits,
                    self._trusted() if encrypted else None,
                    resolve,
                    split_proxy(proxy) if proxy else None,
                    self._keep,
                )
            return wire

    def _trusted(self) -> "ssl.SSLContext":
        from tarkpm.io.tls import trusted

        return trusted(self._authorities)


def _target(url: str) -> urls.RequestTarget:
    try:
        return urls.parse(url)
    except ValueError as problem:
        raise Refused(str(problem)) from None


def _decoded(raw: Iterable[tuple[bytes, bytes]], limit: int) -> list[tuple[str, str]]:
    pairs = [(name.decode("latin-1").lower(), _text(value)) for name, value in raw]
    if sum(len(name) + len(value) for name, value in pairs) > limit:
        raise TooLarge(f"the response headers have more than {limit:,} bytes")
    return pairs


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _inflated(chunks: Iterable[bytes], *, raw: bool) -> Iterator[bytes]:
    """Decompress in bounded pieces.

    "deflate" means the zlib format (RFC 9110, 8.4.1.2), but some servers send raw deflate data.
    """
    stream = None
    for chunk in chunks:
        data = chunk
        if stream is None and data:
            # The low four bits of a zlib header are 8 (RFC 1950, 2.2); 47 accepts gzip and zlib headers.
            is_bare = raw and data[0] & 0x0F != 8
            stream = zlib.decompressobj(-15 if is_bare else 47)
        while data and stream is not None:
            if stream.eof:
                raise Refused("the compressed response continues after its end")
            try:
                yield stream.decompress(data, CHUNK)
            except zlib.error:
                raise Refused("the compressed response is damaged") from None
            data = stream.unconsumed_tail or stream.unused_data
    if stream is not None:
        yield from iter(lambda: stream.decompress(b"", CHUNK), b"")
        if not stream.eof:
            raise Unreachable("the compressed response is truncated")
