"""A git server that lies: packs made by hand, and a hook that serves them in git's place."""

import hashlib
import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from support.gitserver import GitHandler, GitServer
from tarkpm.errors import TarkError
from tarkpm.sources.git.limits import DEFAULT, TransferBudget, TransferLimits
from tarkpm.sources.git.objects import KINDS, object_id
from tarkpm.sources.git.packfile import PackFile
from tarkpm.sources.git.packguard import PackGuard

NUMBERS = {kind: number for number, kind in KINDS.items()}
ADVERTISEMENT = {"Content-Type": "application/x-git-upload-pack-advertisement"}
RESULT = {"Content-Type": "application/x-git-upload-pack-result"}


def told(problem: TarkError, server: GitServer | None = None) -> str:
    """All of an error that a person sees, in one line; the server's address reads http://SERVER."""
    text = f"{problem.code}: {problem.message}"
    text += f" [{problem.where}]" if problem.where else ""
    text += f" try: {problem.hint}" if problem.hint else ""
    if server is None:
        return text
    port = server.base.rpartition(":")[2]
    return text.replace(server.base, "http://SERVER").replace(f"127_0_0_1_{port}", "SERVER")


def header(kind: int, size: int) -> bytes:
    """An object's header in a pack."""
    out, byte, size = bytearray(), (kind << 4) | (size & 15), size >> 4
    while size:
        out.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    return bytes(out) + bytes([byte])


def packed(kind: str, data: bytes, *, size: int | None = None) -> bytes:
    """One whole object in a pack, which may lie about its size."""
    return header(NUMBERS[kind], len(data) if size is None else size) + zlib.compress(data)


def number(value: int) -> bytes:
    """A size at the beginning of a delta."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def ref_delta(base: str, base_size: int, result_size: int, operations: bytes) -> bytes:
    """A delta against an object of the same pack."""
    delta = number(base_size) + number(result_size) + operations
    return header(7, len(delta)) + bytes.fromhex(base) + zlib.compress(delta)


def pack(objects: Sequence[bytes], *, count: int | None = None) -> bytes:
    """A pack with a correct checksum, which may lie about how many objects it holds."""
    body = b"PACK" + (2).to_bytes(4) + (len(objects) if count is None else count).to_bytes(4)
    body += b"".join(objects)
    return body + hashlib.sha1(body).digest()


def opened(data: bytes, limits: TransferLimits = DEFAULT) -> PackFile:
    """A pack that came whole, as the guard leaves it."""
    budget = TransferBudget(limits, "the pack")
    guard = PackGuard(budget, limits.inflated)
    guard.feed(data)
    guard.finish()
    return PackFile(io.BytesIO(data), guard.entries, budget)


def tree(*entries: tuple[str, str, str]) -> bytes:
    """The bytes of a tree of (mode, name, object id), in just this order."""
    return b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for mode, name, oid in entries)


def commit(tree_id: str) -> bytes:
    """The bytes of a commit."""
    who = "a <a@example.com> 0 +0000"
    return f"tree {tree_id}\nauthor {who}\ncommitter {who}\n\nx\n".encode()


def line(data: bytes) -> bytes:
    """A pkt-line."""
    return f"{len(data) + 4:04x}".encode() + data


def sideband(data: bytes, channel: int = 1) -> bytes:
    """``data`` on a channel, in packets of the largest size."""
    step = 65515
    return b"".join(line(bytes([channel]) + data[n : n + step]) for n in range(0, len(data), step))


@dataclass
class Hostile:
    """A hook for `GitServer.before` that plays a whole server of one repository and one ref.

    ``answers`` are the packs sent, one a fetch, the last again and again; ``on`` may take any request first.
    """

    head: str
    answers: list[bytes]
    ref: str = "refs/heads/main"
    capabilities: str = "version 2\nagent=git/2.0\nls-refs\nfetch=shallow filter\nobject-format=sha1"
    on: Callable[[GitHandler], bool] = field(default=lambda handler: False)
    fetches: list[bytes] = field(default_factory=list)

    @classmethod
    def serving(cls, files: dict[str, bytes]) -> "Hostile":
        """A server that serves these files of the top folder as it should."""
        blobs = {name: object_id("blob", data) for name, data in files.items()}
        root = tree(*(("100644", name, blobs[name]) for name in sorted(blobs)))
        top = commit(object_id("tree", root))
        first = pack([packed("commit", top), packed("tree", root)])
        return cls(object_id("commit", top), [first, pack([packed("blob", d) for d in files.values()])])

    def __call__(self, handler: GitHandler) -> bool:
        if self.on(handler):
            return True
        body = handler.record.body
        if handler.record.method == "GET":
            lines = [line(b"# service=git-upload-pack\n"), b"0000"]
            lines += [line(f"{text}\n".encode()) for text in self.capabilities.split("\n")]
            handler.reply(200, b"".join([*lines, b"0000"]), ADVERTISEMENT)
        elif b"command=ls-refs" in body:
            listed = line(f"{self.head} HEAD\n".encode()) + line(f"{self.head} {self.ref}\n".encode())
            handler.reply(200, listed + b"0000", RESULT)
        else:
            self.fetches.append(body)
            self.send(handler, self.answers[min(len(self.fetches), len(self.answers)) - 1])
        return True

    def send(self, handler: GitHandler, data: bytes) -> None:
        """Answer a fetch with a pack, or with anything that takes its place."""
        handler.reply(200, line(b"packfile\n") + sideband(data) + b"0000", RESULT)


# An answer is several writes: without this each would wait 40 ms for the other side's delayed ACK.
GitHandler.disable_nagle_algorithm = True
