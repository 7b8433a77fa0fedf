"""What a git server or the user's git says: packs, objects, settings, netrc."""

import hashlib
import io
import os
import tempfile
import zlib
from pathlib import Path

from dulwich.errors import ApplyDeltaError

from fuzzing.target import Target
from tarkpm.io import netrc
from tarkpm.io.login import is_sendable
from tarkpm.sources.git import gitconfig
from tarkpm.sources.git.limits import TransferBudget, TransferLimits
from tarkpm.sources.git.objects import parents_of, parse_tree, target_of, tree_of
from tarkpm.sources.git.packfile import PackFile
from tarkpm.sources.git.packguard import OFS_DELTA, REF_DELTA, PackGuard

LIMITS = TransferLimits(
    pack=1 << 20, inflated=1 << 20, blob=1 << 18, objects=100, depth=50, deltas=500, work=8 << 20
)
_FOLDER = Path(tempfile.gettempdir())


def pack(data: bytes) -> None:
    """Check a pack and unpack its objects: sizes stay within the limits, and every id can be found."""
    _unpack(data + hashlib.sha1(data, usedforsecurity=False).digest())


def pack_entries(data: bytes) -> None:
    """Unpack a pack that is built from records: kind, distance, what the header adds to the size, contents.

    Mutations of a compressed pack only break zlib; these reach the deltas.
    """
    _unpack(_built(data))


def _unpack(packed: bytes) -> None:
    budget = TransferBudget(LIMITS, "a server")
    guard = PackGuard(budget, LIMITS.inflated)
    half = len(packed) // 2
    guard.feed(packed[:half])
    guard.feed(packed[half:])
    guard.finish()
    assert all(entry.size <= LIMITS.inflated for entry in guard.entries)
    found = PackFile(io.BytesIO(packed), guard.entries, budget)
    for oid in list(found._by_id):
        assert oid in found
        found.find(oid)


def _built(data: bytes) -> bytes:
    at, entries = 0, list[bytes]()
    while at + 4 <= len(data) and len(entries) < LIMITS.objects:
        kind, where, lie, length = data[at : at + 4]
        contents = data[at + 4 : at + 4 + length]
        at += 4 + length
        size = max(0, len(contents) + (lie if lie < 4 else 0))
        head = bytes([(kind & 7) << 4 | size & 15 | (0x80 if size > 15 else 0)])
        if size > 15:
            head += _number(size >> 4)
        if kind & 7 == OFS_DELTA:
            sizes = [len(entry) for entry in entries[-1 - where % 4 :]]
            head += _distance(sum(sizes))
        elif kind & 7 == REF_DELTA:
            head += _some_id(data[4 : 4 + data[3]] if data else b"")
        entries.append(head + zlib.compress(contents, 1))
    body = b"PACK\0\0\0\2" + len(entries).to_bytes(4, "big") + b"".join(entries)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def _some_id(contents: bytes) -> bytes:
    return hashlib.sha1(b"blob %d\0" % len(contents) + contents, usedforsecurity=False).digest()


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _distance(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        value -= 1
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def tree(data: bytes) -> None:
    """Read a tree: no entry leads out of its folder."""
    for name, entry in parse_tree(data).items():
        assert name not in ("", ".", "..")
        assert "/" not in name
        assert len(entry.oid) == 40
        assert entry.what


def commit(data: bytes) -> None:
    """Read the links of a commit and of a tag."""
    for read in (tree_of, target_of, parents_of):
        try:
            read(data)
        except ValueError as problem:
            if type(problem) is not ValueError:
                raise


def netrc_file(data: bytes) -> None:
    """Look up logins in a netrc file: what is found can be sent in a header."""
    with _kept(data) as path:
        for host in ("example.com", "h", ""):
            found = netrc.find({"NETRC": path}, host, default=True)
            assert found is None or (is_sendable(found.username) and is_sendable(found.password))


def git_settings(data: bytes) -> None:
    """Read the user's git settings, and what they say about one URL."""
    url = "https://example.com/a/b"
    with _kept(data) as path:
        found = gitconfig.read({"GIT_CONFIG_GLOBAL": path, "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nowhere"})
    found.instead_of(url)
    for name in ("proxy", "sslcainfo", "sslcapath"):
        found.http(name, url)


def git_settings_given(data: bytes) -> None:
    """Read the settings that variables give."""
    values = [part.decode("utf-8", "surrogateescape") for part in data.replace(b"\0", b"").split(b"\n")]
    keys = {f"GIT_CONFIG_KEY_{n}": value for n, value in enumerate(values[1::2])}
    keys |= {f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(values[2::2])}
    environment = {"GIT_CONFIG_COUNT": values[0], "GIT_CONFIG_GLOBAL": "", "GIT_CONFIG_NOSYSTEM": "1", **keys}
    gitconfig.read(environment).http("proxy", "https://example.com/")


class _kept:  # noqa: N801  # reads as a function
    """A file with these contents, for as long as the block lasts."""

    def __init__(self, data: bytes) -> None:
        # In one place, and only opened again: an input takes microseconds, a new file a hundred.
        self.path = _FOLDER / f"tarkpm-fuzz-{os.getpid()}"
        self.data = data

    def __enter__(self) -> str:
        self.path.write_bytes(self.data)
        return str(self.path)

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)


TARGETS = (
    # `GitRemote` translates dulwich's error for a malformed delta, as it translates all of dulwich's.
    Target("git-pack", pack, (ApplyDeltaError,), ("PACK",)),
    Target("git-pack-deltas", pack_entries, (ApplyDeltaError,)),
    Target("git-tree", tree, (ValueError,), ("100644 ", "40000 ", "120000 ", "160000 ", "..")),
    Target("git-commit", commit, words=("tree ", "parent ", "object ", "\n", "0" * 40)),
    Target(
        "netrc", netrc_file, words=("machine ", "default ", "login ", "password ", "macdef ", "account ", '"')
    ),
    Target(
        "git-config",
        git_settings,
        words=('[http "https://*.com"]', "[url ", "insteadOf", "proxy", "[include]", "path", "\\", '"'),
    ),
    Target("git-config-variables", git_settings_given, words=("http.proxy", "url.x.insteadof", "1", "\n")),
)
