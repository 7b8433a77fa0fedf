"""Git objects as bytes, and the parts of their formats that are needed to read a folder.

The parser is tarkpm's own, because hostile trees target the lenient parsers of git libraries: of two equal
entries they use the last, while git uses the first. Formats: git's gitformat-pack(5) and
"Git Internals - Git Objects" of Pro Git.
"""

import hashlib
import re
import stat
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from tarkpm.core.release import is_commit

KINDS: Final = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
"""Object types by their number in a pack."""

_ENTRY = re.compile(rb"(?P<mode>[0-7]{1,6}) (?P<name>[^/\0]+)\0(?P<oid>.{20})", re.DOTALL)


class Object(NamedTuple):
    """One object: ``commit``, ``tree``, ``blob`` or ``tag``, and its bytes."""

    kind: str
    data: bytes


class TreeEntry(NamedTuple):
    """One entry of a tree: its mode and the id of what it names."""

    mode: int
    oid: str

    @property
    def is_folder(self) -> bool:
        """Whether this is another tree."""
        return stat.S_ISDIR(self.mode)

    @property
    def what(self) -> str:
        """What this entry is, in words."""
        match stat.S_IFMT(self.mode):
            case stat.S_IFREG:
                return "a file"
            case stat.S_IFDIR:
                return "a folder"
            case stat.S_IFLNK:
                return "a symbolic link"
            case 0o160000:
                return "a submodule"
        return f"an entry of unknown mode {self.mode:o}"


class Objects(Protocol):
    """Where the objects of one repository come from. Every id is 40 hexadecimal digits."""

    def ref(self, name: str) -> str | None:
        """The id a full ref name, or HEAD, points to; None if there is no such ref."""

    def find(self, oid: str) -> Object | None:
        """An object that is already here. Its bytes have that id: this was checked."""

    def need_commit(self, oid: str, *also: str) -> None:
        """Have a commit, or tag, and all trees below it here; raises `NotFound` if there is none.

        ``also`` names others that are wanted in the same request.
        """

    def need_history(self, tip: str, known: str) -> None:
        """Have the commits here that ``tip`` reaches and ``known`` does not; neither's trees matter."""

    def need_blobs(self, commit: str, oids: Sequence[str]) -> None:
        """Have these blobs, which are below ``commit``, here, in one round trip if the source can."""


def object_id(kind: str, data: bytes) -> str:
    """The id git gives an object: SHA-1 over its kind, size and bytes."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()


def parse_tree(data: bytes) -> Mapping[str, TreeEntry]:
    """The entries of a tree by name; raises `ValueError` for anything git would not have written.

    Names that are not UTF-8 keep their bytes as surrogates, so that one odd file hides no other.
    """
    entries: dict[str, TreeEntry] = {}
    at = 0
    while at < len(data):
        found = _ENTRY.match(data, at)
        if found is None or found["name"] in (b".", b".."):
            raise ValueError("a malformed entry")
        name = found["name"].decode("utf-8", "surrogateescape")
        if name in entries:
            raise ValueError(f"two entries named {name[:80]!r}")
        entries[name] = TreeEntry(int(found["mode"], 8), found["oid"].hex())
        at = found.end()
    return entries


def tree_of(commit: bytes) -> str:
    """The id of a commit's tree; raises `ValueError`."""
    return _first_line(commit, "tree")


def target_of(tag: bytes) -> str:
    """The id of what an annotated tag names; raises `ValueError`."""
    return _first_line(tag, "object")


def parents_of(commit: bytes) -> list[str]:
    """The ids of a commit's parents, in its order; raises `ValueError`."""
    parents = []
    for line in commit.split(b"\n")[1:]:
        if not line.startswith(b"parent "):
            break
        parents.append(_first_line(line, "parent"))
    return parents


def _first_line(data: bytes, key: str) -> str:
    word, _, value = data.partition(b"\n")[0].decode("ascii", "replace").partition(" ")
    if word != key or not is_commit(value):
        raise ValueError(f"no '{key}' in its first line")
    return value
