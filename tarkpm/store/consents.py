"""Consents to run plugin folders that tarkpm did not install: one file each, named by its digest.

A consent is bound to the digests of plugin.toml and of the module, and to the folder: changed bytes, or the
same bytes elsewhere, require a new consent (docs/trust-rules.md, rule 0). Files are never changed in place,
so several processes need no lock.
"""

from pathlib import Path

import msgspec

from tarkpm.core.digest import Digest, sha256
from tarkpm.errors import TarkError
from tarkpm.io.files import atomic_write, make_private, read_file

MAX_BYTES = 64 * 1024


class Consent(msgspec.Struct, frozen=True):
    """Consent to run these bytes in this folder."""

    folder: str
    manifest: Digest
    module: Digest


class Consents:
    """The consents under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "unmanaged"

    def has(self, consent: Consent) -> bool:
        """Return whether the user gave exactly this consent."""
        return self._file(consent).is_file()

    def keep(self, consent: Consent) -> None:
        """Remember a consent."""
        make_private(self.folder)
        atomic_write(self._file(consent), msgspec.json.encode(consent), mode=0o600)

    def all(self) -> list[Consent]:
        """Return all consents; unreadable files are skipped."""
        found = []
        for file in sorted(self.folder.glob("*.json")):
            try:
                found.append(msgspec.json.decode(read_file(file, MAX_BYTES), type=Consent))
            except (msgspec.DecodeError, OSError, TarkError):
                continue
        return found

    def _file(self, consent: Consent) -> Path:
        return self.folder / f"{sha256(msgspec.json.encode(consent))}.json"
