"""Releases whose proof of a CI identity was verified on this machine: a small file for each.

Verifying needs the extra ``sigstore`` and a third of a second, so it is done once for each release and
identity (docs/decisions/0243). This is state: nothing that a project brings along counts as verified. A file
that is missing or damaged means that the proof is verified again.
"""

from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.ci_identity import CiClaims, CiIdentity
from tarkpm.core.digest import Digest, FileEntry, sha256
from tarkpm.core.shapes import from_json
from tarkpm.errors import TarkError
from tarkpm.io.files import atomic_write, make_private, read_file

MAX_BYTES: Final = 16 * 1024
MAX_FILES: Final = 4096
"""Releases that are remembered. Of more, the one that was verified first is dropped."""
VERSION: Final = 1


class Proved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A verified proof: of which statement and for which identity, and the ``run`` that it certifies."""

    statement: Digest
    identity: str
    run: CiClaims
    proof: FileEntry
    version: int = VERSION


class ProvedReleases:
    """The files under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "proofs"

    def find(self, statement: Digest, identity: CiIdentity) -> Proved | None:
        """Return what was verified of the proof that a statement is by an identity; None if nothing was."""
        try:
            found = from_json(read_file(self._file(statement, str(identity)), MAX_BYTES), Proved)
        except (msgspec.DecodeError, OSError, TarkError):
            return None
        # The contents say what they are about: the name of the file proves nothing.
        about = (found.statement, found.identity, found.version)
        return found if about == (statement, str(identity), VERSION) else None

    def remember(self, proved: Proved) -> None:
        """Keep what was verified just now."""
        make_private(self.folder)
        file = self._file(proved.statement, proved.identity)
        self._make_room(file)
        atomic_write(file, msgspec.json.encode(proved), mode=0o600)

    def _make_room(self, file: Path) -> None:
        files = [] if file.exists() else list(self.folder.glob("*.json"))
        if len(files) >= MAX_FILES:
            min(files, key=lambda one: one.stat().st_mtime_ns).unlink(missing_ok=True)

    def _file(self, statement: Digest, identity: str) -> Path:
        # A digest, because identities contain characters that file names cannot.
        about = f"{statement}\n{identity}"
        return self.folder / f"{sha256(about.encode())[:32]}.json"
