"""Which folders that tarkpm did not install this user agreed to run: one file each, named by what is in it.

A consent is bound to the digests of plugin.toml and of the module, and to the folder: other bytes, and the
same bytes elsewhere, are asked about again. Nothing is changed in place, so several processes need no lock.
"""

from pathlib import Path

import msgspec

from tarkpm.core.digest import Digest, sha256
from tarkpm.io.files import atomic_write, make_private


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

    def _file(self, consent: Consent) -> Path:
        return self.folder / f"{sha256(msgspec.json.encode(consent))}.json"
