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

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.release import is_commit

KINDS: Final = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
"""Object types by their number in a pack (gitformat-pack(5))."""

TAGS: Final = b"refs/tags/"
_ENTRY = lazy_pattern(rb"(?P<mode>[0-7]{1,6}) (?P<name>[^/\0]+)\0(?P<oid>.{20})", re.DOTALL)


class Object(NamedTuple):
    """One object: its kind (``commit``, ``tree``, ``blob`` or ``tag``) and its contents."""

    kind: str
    data: bytes


class TreeEntry(NamedTuple):
    """One entry of a tree: its mode and the id of its object."""

    mode: int
    oid: str

    @property
    def is_folder(self) -> bool:
        """Return whether the entry is another tree."""
        return stat.S_ISDIR(self.mode)

    @property
    def what(self) -> str:
        """The kind of this entry, for messages."""
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
    """A provider of the objects of one repository. Every id has 40 hexadecimal digits."""

    def ref(self, name: str) -> str | None:
        """Return the id of a full ref name or HEAD; None if there is no such ref."""

    def find(self, oid: str) -> Object | None:
        """Return an object that was fetched; None otherwise. Its contents were checked against the id."""

    def need_commit(self, oid: str, *also: str) -> None:
        """Fetch a commit or tag and all trees below it. Raises `NotFound` if it does not exist.

        ``also`` names other commits or tags to fetch with the same request.
        """

    def need_history(self, tip: str, known: str) -> None:
        """Fetch the commits that ``tip`` reaches and ``known`` does not. Their trees are not needed."""

    def need_blobs(self, commit: str, oids: Sequence[str]) -> None:
        """Fetch these blobs of ``commit``, in one round trip if the server permits."""


def object_id(kind: str, data: bytes) -> str:
    """Return the id of an object: SHA-1 of its kind, size and contents.

    SHA-1 is broken for collisions. Ids only link objects and detect damage; the files that are installed are
    checked against SHA-256 digests and a signature (`tarkpm.core.verification`).
    """
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()


def parse_tree(data: bytes) -> Mapping[str, TreeEntry]:
    """Parse a tree object into its entries by name. Raises `ValueError` for anything git does not write.

    Names that are not UTF-8 keep their bytes as surrogates, so that one such file does not hide the others.
    """
    entries: dict[str, TreeEntry] = {}
    at = 0
    while at < len(data):
        found = _ENTRY.match(data, at)
        # A name with a slash does not match; "." and ".." would lead out of the folder.
        if found is None or found["name"] in (b".", b".."):
            raise ValueError("a malformed entry")
        name = found["name"].decode("utf-8", "surrogateescape")
        # Of two equal names, git and other implementations take different ones: reviewed is not what is
        # installed.
        if name in entries:
            raise ValueError(f"two entries named {name[:80]!r}")
        entries[name] = TreeEntry(int(found["mode"], 8), found["oid"].hex())
        at = found.end()
    return entries


def tree_of(commit: bytes) -> str:
    """Return the id of a commit's tree. Raises `ValueError` for a malformed commit."""
    return _first_line(commit, "tree")


def target_of(tag: bytes) -> str:
    """Return the id of the object an annotated tag names. Raises `ValueError` for a malformed tag."""
    return _first_line(tag, "object")


def parents_of(commit: bytes) -> list[str]:
    """Return the ids of a commit's parents, in order. Raises `ValueError` for a malformed parent."""
    parents = []
    for line in commit.split(b"\n")[1:]:
        # Parents follow the tree line without a gap; "parent" further down is part of the message.
        if not line.startswith(b"parent "):
            break
        parents.append(_first_line(line, "parent"))
    return parents


def _first_line(data: bytes, key: str) -> str:
    word, _, value = data.partition(b"\n")[0].decode("ascii", "replace").partition(" ")
    if word != key or not is_commit(value):
        raise ValueError(f"no '{key}' in its first line")
    return value
