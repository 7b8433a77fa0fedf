"""Consents to run working copies: one file for each folder, named by its path's digest.

A consent is bound to the folder's path and inode, to the plugin's name and to what it was granted, not to its
bytes: these change with every build (docs/decisions/0162). Its holder checks who can change the folder.
"""

import os
from pathlib import Path

import msgspec

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.digest import sha256
from tarkpm.core.shapes import from_json
from tarkpm.errors import TarkError
from tarkpm.io.files import atomic_write, make_private, read_file

MAX_BYTES = 64 * 1024


class FolderConsent(msgspec.Struct, frozen=True):
    """Consent to run what is in this folder with these capabilities."""

    folder: str
    inode: int
    name: str
    granted: tuple[str, ...] = ()

    def covers(self, other: "FolderConsent") -> bool:
        """Return whether this is consent to all that ``other`` is about."""
        known = CapabilitySet.of(map(Capability.parse, self.granted))
        wanted = CapabilitySet.of(map(Capability.parse, other.granted))
        same = (self.folder, self.inode, self.name) == (other.folder, other.inode, other.name)
        return same and known.covers(wanted)


class FolderConsents:
    """The consents under ``root``, the state folder. A file is replaced as a whole and needs no lock."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "working-copies"

    def find(self, consent: FolderConsent) -> FolderConsent | None:
        """Return the recorded consent that covers this one; None if there is none."""
        known = _read(self._file(consent))
        return known if known is not None and known.covers(consent) else None

    def keep(self, consent: FolderConsent) -> None:
        """Remember a consent, in place of an earlier one to the same folder."""
        make_private(self.folder)
        atomic_write(self._file(consent), msgspec.json.encode(consent), mode=0o600)

    def all(self) -> list[FolderConsent]:
        """Return all consents; unreadable files are skipped."""
        return [consent for file in sorted(self.folder.glob("*.json")) if (consent := _read(file))]

    def within(self, folder: Path) -> list[FolderConsent]:
        """Return the consents to ``folder`` and to folders below it."""
        return [one for one in self.all() if Path(one.folder).is_relative_to(folder)]

    def forget(self, consent: FolderConsent) -> None:
        """Withdraw a consent."""
        self._file(consent).unlink(missing_ok=True)

    def _file(self, consent: FolderConsent) -> Path:
        return self.folder / f"{sha256(os.fsencode(consent.folder))}.json"


def _read(file: Path) -> FolderConsent | None:
    """Return the consent in a file; None if there is none that can be read."""
    try:
        found = from_json(read_file(file, MAX_BYTES), FolderConsent)
        found.covers(found)  # its capabilities can be read, too
    except (msgspec.DecodeError, OSError, TarkError, ValueError):
        return None
    return found
