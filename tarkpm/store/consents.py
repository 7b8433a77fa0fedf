"""Which folders that tarkpm did not install this user agreed to run: one file each, named by what is in it.

A consent is bound to the digests of plugin.toml and of the module, and to the folder: other bytes, and the
same bytes elsewhere, are asked about again. Nothing is changed in place, so several processes need no lock.
"""

from pathlib import Path

import msgspec

from tarkpm.core.digest import Digest, sha256
from tarkpm.errors import TarkError
from tarkpm.io.files import atomic_write, make_private, read_file

MAX_BYTES = 64 * 1024


class Consent(msgspec.Struct, frozen=True):
    """What was agreed to: these bytes in this folder."""

    folder: str
    manifest: Digest
    module: Digest


class Consents:
    """The consents under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "unmanaged"

    def has(self, consent: Consent) -> bool:
        """Whether exactly this was agreed to."""
        return self._file(consent).is_file()

    def keep(self, consent: Consent) -> None:
        """Remember that this was agreed to."""
        make_private(self.folder)
        atomic_write(self._file(consent), msgspec.json.encode(consent), mode=0o600)

    def all(self) -> list[Consent]:
        """Everything that was agreed to and can be read."""
        found = []
        for file in sorted(self.folder.glob("*.json")):
            try:
                found.append(msgspec.json.decode(read_file(file, MAX_BYTES), type=Consent))
            except (msgspec.DecodeError, OSError, TarkError):
                continue
        return found

    def _file(self, consent: Consent) -> Path:
        return self.folder / f"{sha256(msgspec.json.encode(consent))}.json"
