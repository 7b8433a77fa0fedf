"""tark:ws of the older ABI: WebSocket connections to the hosts that are granted for http.

A connection passes the same checks as a request: the normalised URL, the grant, the addresses, the user's
proxy, TLS (`imports.http`, `io.http`). A redirect is refused. The protocol (RFC 6455) is that of the library
`websockets`, its part without I/O. Data is read only when a plugin asks, so a server that sends too fast
waits for its own buffers. Compression is not negotiated, so no message can expand.

A handle is a number that is never reused. All connections end with the plugin's worker.
"""

import re
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tarkpm.core import urls
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.masking import Mask
from tarkpm.errors import Refused, SourceError
from tarkpm.host.imports import headers as rules
from tarkpm.host.imports.hosts import Hosts
from tarkpm.host.imports.secrets import NO_SECRETS, Secrets
from tarkpm.host.limits import KIB, MIB, size
from tarkpm.io.http import HttpClient
from tarkpm.io.http_request import USUAL, RequestLimits
from tarkpm.io.proxies import DIRECT, Proxies, is_loopback

if TYPE_CHECKING:
    from websockets.frames import Frame

    from tarkpm.io.http_transport import Upgraded

MAX_OPEN: Final = 8
MAX_MESSAGE: Final = MIB
"""Maximum bytes of a received message; a longer one ends the connection."""
MAX_GIVEN: Final = 64 * KIB
"""Maximum bytes of a message that a plugin receives, as in tark."""
MAX_SENT: Final = MIB
CHUNK: Final = 64 * KIB
PATIENCE: Final = 10.0
"""Seconds to send a message."""
_SOON: Final = 0.5
_AT_ONCE: Final = 0.001

_SCHEME: Final = re.compile(r"(?i)(wss?)://")
_DONE: Final = {"ok": None}


class Sockets:
    """One plugin's connections. ``report`` is called with what was refused."""

    def __init__(
        self,
        granted: CapabilitySet,
        report: Callable[[str], None],
        *,
        proxies: Proxies = DIRECT,
        authorities: str = "",
        limits: RequestLimits = USUAL,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        """Create a client. ``authorities`` is a file of certificates to trust instead of the system's."""
        self._secrets = secrets
        self._hosts = Hosts(granted, report)
        self._client = HttpClient(
            proxies=proxies, authorities=authorities, limits=limits, resolve=self._hosts.resolve
        )
        self._open: dict[int, Connection] = {}
        self._last = 0

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        """Return the JSON value of `connect`, `send`, `recv` or `close`."""
        try:
            match function, args:
                case "connect", (url, headers):
                    return {"ok": self._connect(url, headers, deadline)}
                case "send", (handle, text):
                    self._found(handle).send(text, min(deadline, time.monotonic() + PATIENCE))
                case "recv", (handle, milliseconds, most):
                    until = min(deadline, time.monotonic() + max(milliseconds / 1000, _AT_ONCE))
                    return {"ok": self._found(handle).receive(until, most)}
                case _, (handle,):
                    self._found(handle).end()
                    del self._open[handle]
        except SourceError as problem:
            where = f"{problem.where}: " if problem.where else ""
            return self._failed(where + self._secrets.message(problem), denied=isinstance(problem, Refused))
        except ValueError as problem:
            return self._failed(str(problem))
        return _DONE

    @property
    def lacked(self) -> Counter[Capability]:
        """Return how often a grant was missing, by that grant."""
        return self._hosts.lacked + self._secrets.lacked

    @property
    def used(self) -> Counter[Capability]:
        """How often each granted capability was used: at every hop, since a redirect may need another one."""
        return self._hosts.used

    def close(self) -> None:
        """End all connections, because the plugin that held the handles is gone."""
        connections, self._open = self._open, {}
        for connection in connections.values():
            connection.drop()
        self._client.close()

    def _connect(self, url: str, headers: rules.Pairs, deadline: float) -> int:
        target, sent = _target(url), rules.checked(headers)
        # These negotiate the protocol, which is the part of `handshake` below.
        if any(name.startswith("sec-websocket-") for name, _ in sent):
            raise ValueError("the headers 'sec-websocket-…' are set by tarkpm")
        self._hosts.check(target)
        # Connections that a server ended do not count towards the limit.
        self._open = {handle: one for handle, one in self._open.items() if not one.ended}
        if len(self._open) >= MAX_OPEN:
            raise ValueError(f"{MAX_OPEN} connections are open, which is the limit")
        sent += self._secrets.headers(target, sent)
        connection = _connected(self._client, target, sent, deadline, self._secrets)
        self._last += 1
        self._open[self._last] = connection
        return self._last

    def _failed(self, message: str, *, denied: bool = False) -> Any:
        return {"err": {"message": self._secrets.mask.text(message), "denied": denied}}

    def _found(self, handle: int) -> "Connection":
        connection = self._open.get(handle)
        if connection is None:
            raise ValueError("no connection has this handle")
        return connection


class Connection:
    """An open connection, and the messages that were received but not read yet."""

    def __init__(self, stream: "Upgraded", mask: Mask) -> None:
        from websockets.protocol import CLIENT, Protocol

        self.ended = ""
        self._mask = mask
        self._stream = stream
        self._protocol = Protocol(CLIENT, max_size=MAX_MESSAGE)
        self._ready: deque[bytes] = deque()
        self._partial = bytearray()
        self._is_text = False

    def send(self, text: str, deadline: float) -> None:
        """Send one text message. Raises `ValueError`, and `SourceError` if the connection fails."""
        data = text.encode()
        if len(data) > MAX_SENT:
            raise ValueError(f"the message is larger than {size(MAX_SENT)}")
        if self.ended:
            raise ValueError(f"the connection is closed: {self.ended}")
        self._protocol.send_text(data)
        self._flush(deadline)

    def receive(self, until: float, most: int) -> Any:
        """Return the next text message of at most ``most`` bytes, or none if ``until`` comes first."""
        while not self._ready and not self.ended:
            try:
                data = self._stream.read(CHUNK, until)
                if data is None:
                    break
                self._take(data)
            except SourceError as problem:
                self._over(problem.bare if self._mask else problem.message)
            if time.monotonic() >= until:
                break
        if not self._ready:
            return {"message": None, "closed": bool(self.ended), "error": self.ended or None}
        data = self._ready.popleft()
        if len(data) > min(most, MAX_GIVEN):
            return {"message": None, "closed": False, "error": "message_too_large"}
        text = self._mask.data(data).decode(errors="replace")
        return {"message": text, "closed": False, "error": None}

    def end(self) -> None:
        """Send a close frame and close the connection, without waiting for the answer."""
        try:
            if not self.ended:
                self._protocol.send_close(1000)
                self._flush(time.monotonic() + _SOON)
        except SourceError:
            pass
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the connection."""
        self.ended = self.ended or "closed"
        self._stream.close()

    def _take(self, data: bytes) -> None:
        """Process received bytes: send the answers they need (pongs), and keep the messages."""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._flush(time.monotonic() + _SOON)
        for event in self._protocol.events_received():
            self._hear(event)  # type: ignore[arg-type]  # after the handshake all events are frames
        if self._protocol.parser_exc is not None:
            # Once a secret was sent, no words that may repeat a part of it (see `Secrets.message`).
            self._over("protocol error" if self._mask else _short(str(self._protocol.parser_exc)))

    def _hear(self, frame: "Frame") -> None:
        from websockets.frames import Opcode

        if frame.opcode is Opcode.CLOSE:
            reason = self._protocol.close_rcvd
            # Masked before it is cut.
            self._over(
                f"close:{reason.code} {_short(self._mask.text(reason.reason))}" if reason else "closed"
            )
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return
        if self._is_text:  # binary messages are dropped, as in tark
            self._partial += frame.data
        # A message may be split into frames (RFC 6455, 5.4); only whole ones are passed on.
        if frame.fin:
            if self._is_text:
                self._ready.append(bytes(self._partial))
            self._partial.clear()

    def _flush(self, deadline: float) -> None:
        for piece in self._protocol.data_to_send():
            if piece:
                try:
                    self._stream.write(piece, deadline)
                except SourceError as problem:
                    self._over(problem.message)
                    raise

    def _over(self, why: str) -> None:
        if not self.ended:
            self.ended = why.strip() or "closed"
            self._stream.close()


def _target(url: str) -> urls.RequestTarget:
    """Return the target of a ``wss:`` URL as an http target. Raises `ValueError`."""
    found = _SCHEME.match(url)
    if found is None:
        raise ValueError("expected a URL like wss://host/path")
    is_secure = found[1].lower() == "wss"
    target = urls.parse(("https://" if is_secure else "http://") + url[found.end() :])
    if not is_secure and not is_loopback(target.host):
        raise ValueError("ws is neither encrypted nor authenticated; use wss")
    return target


def _connected(
    client: HttpClient, target: urls.RequestTarget, headers: rules.Pairs, deadline: float, secrets: Secrets
) -> Connection:
    """Connect and perform the handshake (RFC 6455, 4.1). Raises `SourceError` and `ValueError`."""
    from websockets.client import ClientProtocol
    from websockets.datastructures import Headers
    from websockets.exceptions import InvalidHandshake
    from websockets.http11 import Response
    from websockets.uri import parse_uri

    handshake = ClientProtocol(parse_uri("ws" + target.url.removeprefix("http")))
    # The HTTP client sets the Host header itself, from the target that was checked.
    ours = [pair for pair in handshake.connect().headers.raw_items() if pair[0].lower() != "host"]
    stream = client.upgrade(target.url, [*headers, *ours], deadline=deadline)
    try:
        secrets.answered(target, stream.status)
        if stream.status != 101:
            is_redirect = 300 <= stream.status < 400
            why = ", and redirects are not followed" if is_redirect else ""
            raise ValueError(f"{target.origin}: answered with status {stream.status}{why}")
        answered = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in stream.headers]
        handshake.process_response(Response(101, "", Headers(answered)))
    except InvalidHandshake as problem:
        stream.close()
        said = "" if secrets.mask else f": {_short(str(problem))}"
        raise ValueError(f"{target.origin}: the WebSocket handshake failed{said}") from None
    except BaseException:
        stream.close()
        raise
    return Connection(stream, secrets.mask)


def _short(text: str) -> str:
    from tarkpm.core.text import neutral

    return neutral(text, limit=120)
