"""When this machine first saw a commit of a repository: a small file for each repository.

The dates in a commit are its author's own words, so a minimum age counts from here. This is state: without it
every commit is seen for the first time, which is the safe side. A damaged file counts as none.
"""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.shapes import from_json
from tarkpm.io.files import atomic_write, make_private, read_optional
from tarkpm.io.locks import exclusive

MAX_COMMITS: Final = 256
"""Commits kept of one repository. Of more, those that were seen first are dropped."""
MAX_REPOSITORIES: Final = 4096
MAX_BYTES: Final = 64 * 1024
VERSION: Final = 1


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    url: str
    commits: dict[str, Annotated[int, msgspec.Meta(ge=0, le=2**40)]] = {}
    version: int = VERSION


class FirstSeen:
    """The records under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "first-seen"

    def see(self, url: str, commit: str, *, now: int, deadline_seconds: float) -> int:
        """Return when a commit was first seen, in seconds since the epoch: ``now``, if that is not known.

        A time in the future is returned as it is: a clock that was set back makes no commit older. Raises
        `StoreBusy`.
        """
        file = self.folder / f"{sha256(url.encode())[:32]}.json"
        if (seen := _read(file, url).commits.get(commit)) is not None:
            return seen
        make_private(self.folder)
        with exclusive(file.with_suffix(".lock"), "tarkpm", deadline_seconds):
            document = _read(file, url)
            first = document.commits.setdefault(commit, now)
            newest = sorted(document.commits.items(), key=lambda one: one[1])[-MAX_COMMITS:]
            document.commits = dict(newest)
            self._make_room(file)
            atomic_write(file, msgspec.json.encode(document), mode=0o600)
        return first

    def _make_room(self, file: Path) -> None:
        """Drop the record that was longest unchanged if there are too many."""
        if file.exists():
            return
        files = list(self.folder.glob("*.json"))
        if len(files) >= MAX_REPOSITORIES:
            min(files, key=lambda one: one.stat().st_mtime_ns).unlink(missing_ok=True)


def _read(file: Path, url: str) -> _Document:
    try:
        document = from_json(read_optional(file, MAX_BYTES) or b"", _Document)
    except (msgspec.DecodeError, OSError):
        return _Document(url)
    return document if (document.url, document.version) == (url, VERSION) else _Document(url)
