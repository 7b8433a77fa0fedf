"""Which files a commit of a repository was seen to hold: a small manifest per (URL, ref, commit, folder).

A blob says nothing of where it came from. With these, a lock that names another commit for the same bytes is
told from one that does not, without a network. The ref is the one the commit was fetched for, which led to it
then: a commit that was once named by ``rev`` proves nothing about a branch. A cache, written whole or not at
all.
"""

from pathlib import Path

import msgspec

from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.lockfile import LockEntry, StatementEntry
from tarkpm.core.release import GitSource
from tarkpm.io.files import keep, read_optional

MAX_BYTES = 64 * 1024


class _Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    ref: str
    commit: str
    folder: str
    files: tuple[FileEntry, ...]
    statement: StatementEntry | None


class Origins:
    """The manifests under ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root / "git"

    def remember(self, entry: LockEntry) -> None:
        """Note that the entry's commit was fetched and holds the entry's files."""
        seen = _seen(entry)
        path = self._path(seen) if seen else None
        if path is None:
            return
        keep(path, msgspec.json.encode(seen), mode=0o600)

    def saw(self, entry: LockEntry) -> bool:
        """Whether the entry's commit was seen to hold exactly the entry's files; true of working copies."""
        seen = _seen(entry)
        if seen is None:
            return True
        try:
            return msgspec.json.decode(read_optional(self._path(seen), MAX_BYTES) or b"", type=_Seen) == seen
        except (msgspec.DecodeError, OSError):
            return False

    def path(self, entry: LockEntry) -> Path | None:
        """Where the manifest of an entry's commit is, or would be; None for what is not from git."""
        seen = _seen(entry)
        return self._path(seen) if seen else None

    def _path(self, seen: _Seen) -> Path:
        place = sha256(f"{seen.url}\n{seen.folder}\n{seen.ref}".encode())[:32]
        return self.root / f"{place}-{seen.commit}.json"


def _seen(entry: LockEntry) -> _Seen | None:
    source = entry.source
    if not isinstance(source, GitSource):
        return None
    return _Seen(source.git, source.ref, source.commit, source.path, entry.files, entry.statement)
