"""dulwich's protocol over one stream of bytes: ``git://`` and ssh (gitprotocol-pack(5), gitprotocol-v2(5)).

`StreamGitClient` is dulwich's client over tarkpm's own conversation. A conversation in protocol 2 is reused,
so that a session connects through ssh only once. Every byte and second is charged to the budget, and error
output of programs is bounded and made safe to show.
"""

from collections.abc import Callable
from typing import IO, Final

from dulwich.client import TraditionalGitClient
from dulwich.protocol import Protocol

from tarkpm.errors import NotFound, SourceError
from tarkpm.sources.git.access import Route
from tarkpm.sources.git.byte_stream import ByteStream, dial, path_of
from tarkpm.sources.git.error_translation import AccessDenied, clean
from tarkpm.sources.git.limits import TransferBudget
from tarkpm.sources.git.ssh import log_in
from tarkpm.sources.git.transport import NO_REFS

VERSION_2: Final = b"000eversion 2\n"
MAX_HELLO: Final = 16 << 10
"""Size limit of a greeting in protocol 2, in bytes. A longer one is treated as protocol 0 and not kept."""

_FLUSH = b"0000"


class StreamGitClient(TraditionalGitClient):
    """dulwich's client for one repository. Raises only `SourceError` for failures of the conversation."""

    def __init__(self, route: Route, budget: TransferBudget) -> None:
        # A thin pack leaves out bases of its deltas, and `PackFile` has no other objects.
        super().__init__(thin_packs=False, quiet=True)
        self._route = route
        self._budget = budget
        self._talk: _Talk | None = None

    @property
    def serves_any_commit(self) -> bool:
        """Return whether a commit the server refuses does not exist.

        In protocol 2, git's own server serves every object it has; other implementations may not.
        """
        return self._talk is not None and self._talk.is_version_2 and b"agent=git/" in self._talk.hello

    def close(self) -> None:
        """End the conversation."""
        talk, self._talk = self._talk, None
        if talk is not None:
            talk.close()

    def _connect(
        self,
        cmd: bytes,  # noqa: ARG002  always upload-pack
        path: str | bytes,  # noqa: ARG002  the route's
        protocol_version: int | None = None,  # noqa: ARG002  the newest the server has
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        """Return dulwich's view of the conversation; connects only if none can go on."""
        if self._talk is None or not self._talk.begin_again():
            self.close()
            self._talk = self._open()
        return _Lines(self._talk), lambda: False, None

    def _open(self) -> "_Talk":
        # ssh asks for protocol 2 through GIT_PROTOCOL, git:// with an extra parameter (gitprotocol-v2(5)).
        if self._route.url.scheme == "ssh":
            return _Talk(log_in(self._route, self._budget), self._budget)
        talk = _Talk(dial(self._route, self._budget), self._budget)
        url = self._route.url
        host = f"[{url.host}]" if ":" in url.host else url.host
        port = f":{url.port}" if url.port else ""
        # Old servers reject an unknown parameter; after two NULs they ignore it (gitprotocol-pack(5)).
        line = f"git-upload-pack {path_of(url)}\0host={host}{port}\0\0version=2\0".encode()
        talk.write(b"%04x%s" % (len(line) + 4, line))
        return talk


class _Talk:
    """One conversation. Output is buffered until an answer is read: one packet, and no deadlock."""

    def __init__(self, channel: ByteStream, budget: TransferBudget) -> None:
        self._hello = bytearray()
        self._channel = channel
        self._budget = budget
        self._greeted = self._failed = False
        self._outgoing = bytearray()
        self._replay = b""

    @property
    def hello(self) -> bytes:
        """The beginning of the server's greeting; in protocol 2 all of it."""
        return bytes(self._hello)

    @property
    def is_version_2(self) -> bool:
        """Return whether the server accepts further commands until a lone flush-pkt (gitprotocol-v2(5))."""
        return self._hello.startswith(VERSION_2) and len(self._hello) < MAX_HELLO

    def begin_again(self) -> bool:
        """Replay the server's greeting to dulwich, if the conversation can go on; returns whether it can."""
        if self._failed or not self.is_version_2:
            return False
        self._outgoing.clear()  # a flush-pkt, which would end the conversation
        self._replay = self.hello
        return True

    def read(self, count: int) -> bytes:
        """Send what is buffered, then return ``count`` bytes, fewer only at the end."""
        if self._outgoing:
            self._send()
        if self._replay:
            data, self._replay = self._replay[:count], self._replay[count:]
            return data
        data = self._channel.read(count)
        if not self._greeted:
            self._hello += data[: MAX_HELLO - len(self._hello)]
        return data

    def write(self, data: bytes) -> int:
        """Buffer ``data`` until the next read."""
        self._outgoing += data
        return len(data)

    def _send(self) -> None:
        data = bytes(self._outgoing)
        self._outgoing.clear()
        self._greeted = self._greeted or bool(self._hello)
        if self.is_version_2 and b"ref-prefix " + NO_REFS in data:
            self._replay = _FLUSH  # objects are requested by id: answer ls-refs without a round trip
        else:
            self._channel.write(data)

    def refused(self, said: bytes) -> SourceError:
        """Return the error for an ERR packet (gitprotocol-pack(5)). The conversation cannot go on."""
        self._failed = True
        where, text = self._budget.where, clean(said)
        # Before the greeting, only the repository can be refused; afterwards, a single request.
        if self._greeted:
            return AccessDenied(f"the server said '{text}'", where=where)
        return NotFound(
            f"there is no such repository, or you cannot access it: it said '{text}'", where=where
        )

    def close(self) -> None:
        """Close the stream."""
        self._channel.close()


class _Lines(Protocol):
    """dulwich's pkt-line protocol. An ERR packet is raised as an error."""

    def __init__(self, talk: _Talk) -> None:
        super().__init__(talk.read, talk.write)
        self._talk = talk

    def read_pkt_line(self) -> bytes | None:
        line = super().read_pkt_line()
        if line is not None and line.startswith(b"ERR "):
            raise self._talk.refused(line[4:])
        return line
