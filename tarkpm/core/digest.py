"""SHA-256 digests as lower-case hexadecimal text, and the files they name."""

import hashlib
import re
from typing import NewType

import msgspec

from tarkpm.errors import DigestMismatch

Digest = NewType("Digest", str)
"""64 lower-case hexadecimal digits."""

_HEX64 = re.compile(r"[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Return whether ``text`` is a SHA-256 digest as tarkpm writes it."""
    return _HEX64.fullmatch(text) is not None


def sha256(data: bytes | memoryview) -> Digest:
    """Return the SHA-256 of ``data``. Releases the GIL for more than 2 KiB."""
    return Digest(hashlib.sha256(data, usedforsecurity=True).hexdigest())


class FileEntry(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """A file of a release: its relative name, digest, and size in bytes."""

    name: str
    sha256: Digest
    size: int

    @classmethod
    def of(cls, name: str, data: bytes) -> "FileEntry":
        """Return the entry of a file with this name and contents."""
        return cls(name, sha256(data), len(data))

    def check(self, data: bytes | memoryview, *, where: str) -> None:
        """Raise `DigestMismatch` unless ``data`` has the size and digest of this entry."""
        # The size first: it is free, and tells truncation from corruption.
        if len(data) != self.size:
            raise DigestMismatch(f"'{self.name}' has {len(data)} bytes, expected {self.size}", where=where)
        if (found := sha256(data)) != self.sha256:
            raise DigestMismatch(f"'{self.name}' has sha256 {found}, expected {self.sha256}", where=where)
