"""Consents to run plugin folders that tarkpm did not install: one file each, named by its digest.

A consent is bound to the digests of plugin.toml and of the module, to the folder, and to what the plugin was
granted then: changed bytes, the same bytes elsewhere, or more capabilities require a new consent
(docs/trust-rules.md, rule 0). A file is replaced as a whole, so several processes need no lock.
"""

from pathlib import Path

import msgspec

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.digest import Digest, sha256
from tarkpm.core.shapes import from_json
from tarkpm.errors import TarkError
from tarkpm.io.files import atomic_write, make_private, read_file

MAX_BYTES = 64 * 1024


class Consent(msgspec.Struct, frozen=True):
    """Consent to run these bytes in this folder."""

    folder: str
    manifest: Digest
    module: Digest
    granted: tuple[str, ...] = ()

    def covers(self, other: "Consent") -> bool:
        """Return whether this is consent to all that ``other`` is about."""
        known = CapabilitySet.of(map(Capability.parse, self.granted))
        wanted = CapabilitySet.of(map(Capability.parse, other.granted))
        same = (self.folder, self.manifest, self.module) == (other.folder, other.manifest, other.module)
        return same and known.covers(wanted)


class Consents:
    """The consents under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "unmanaged"

    def find(self, consent: Consent) -> Consent | None:
        """Return the recorded consent that covers this one; None if there is none."""
        known = _read(self._file(consent))
        return known if known is not None and known.covers(consent) else None

    def keep(self, consent: Consent) -> None:
        """Remember a consent."""
        make_private(self.folder)
        atomic_write(self._file(consent), msgspec.json.encode(consent), mode=0o600)

    def all(self) -> list[Consent]:
        """Return all consents; unreadable files are skipped."""
        return [consent for file in sorted(self.folder.glob("*.json")) if (consent := _read(file))]

    def within(self, plugins: Path) -> list[Consent]:
        """Return the consents to folders directly in ``plugins``."""
        return [consent for consent in self.all() if Path(consent.folder).parent == plugins]

    def forget(self, consent: Consent) -> None:
        """Withdraw a consent."""
        self._file(consent).unlink(missing_ok=True)

    def _file(self, consent: Consent) -> Path:
        name = sha256(msgspec.json.encode((consent.folder, consent.manifest, consent.module)))
        return self.folder / f"{name}.json"


def _read(file: Path) -> Consent | None:
    """Return the consent in a file; None if there is none that can be read."""
    try:
        return from_json(read_file(file, MAX_BYTES), Consent)
    except (msgspec.DecodeError, OSError, TarkError, ValueError):
        return None
