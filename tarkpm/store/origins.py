"""The files that a commit of a repository contains: a small manifest per (URL, ref, commit, folder).

A blob does not say where it came from. The manifests show, without a network, whether a lock names the commit
its bytes really come from, or the artifact of a registry. The ref is the one the commit was fetched for, and
led to it then: a commit that was fetched by ``rev`` proves nothing about a branch. This is a cache; manifests
are written atomically.
"""

from pathlib import Path

import msgspec

from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.lockfile import LockEntry, StatementEntry
from tarkpm.core.release import GitSource, OciSource
from tarkpm.core.shapes import from_json
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
        """Record that the entry's commit or manifest was fetched and contains the entry's files."""
        seen = _seen(entry)
        path = self._path(seen) if seen else None
        if path is None:
            return
        keep(path, msgspec.json.encode(seen), mode=0o600)

    def saw(self, entry: LockEntry) -> bool:
        """Return whether the place that is locked is known to hold exactly these files.

        True for sources whose contents follow from the entry alone.
        """
        seen = _seen(entry)
        if seen is None:
            return True
        try:
            # The whole manifest is compared: the file name does not cover the files and the statement.
            return from_json(read_optional(self._path(seen), MAX_BYTES) or b"", _Seen) == seen
        except (msgspec.DecodeError, OSError):
            return False

    def path(self, entry: LockEntry) -> Path | None:
        """Return the path of the manifest of an entry's commit; None for entries not from git."""
        seen = _seen(entry)
        return self._path(seen) if seen else None

    def _path(self, seen: _Seen) -> Path:
        # A digest, because URLs contain characters that file names cannot.
        place = sha256(f"{seen.url}\n{seen.folder}\n{seen.ref}".encode())[:32]
        return self.root / f"{place}-{seen.commit.removeprefix('sha256:')}.json"


def _seen(entry: LockEntry) -> _Seen | None:
    source = entry.source
    if isinstance(source, OciSource):
        return _Seen(f"oci://{source.oci}", source.ref, source.digest, "", entry.files, entry.statement)
    if not isinstance(source, GitSource):
        return None
    return _Seen(source.git, source.ref, source.commit, source.path, entry.files, entry.statement)
