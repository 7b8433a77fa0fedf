"""Blobs by sha256, shared by all projects of this user.

This is a cache: everything in it may be deleted at any time. A blob is written under a temporary name and
renamed, so several processes may fill the cache at once. It is checked on every read, and deleted if it does
not match its digest. All blobs are in one folder: file systems look up one of a hundred thousand names as
fast as one of a hundred, and folders by prefix would have to be made for almost every blob.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tarkpm.core.digest import Digest, FileEntry, sha256
from tarkpm.errors import BlobMissing, DigestMismatch, TarkError
from tarkpm.io.files import copy_verified, keep, read_file

MAX_BLOB: Final = 64 * 1024 * 1024


class BlobStore:
    """The blobs under ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root / "blobs"

    def path(self, digest: Digest) -> Path:
        """Return the path of the blob with this digest, whether it exists or not."""
        return self.root / digest

    def has(self, entry: FileEntry) -> bool:
        """Return whether a blob of this digest and size exists, without checking its bytes."""
        try:
            return self.path(entry.sha256).lstat().st_size == entry.size
        except OSError:
            return False

    def missing(self, entries: Iterable[FileEntry]) -> list[FileEntry]:
        """Return the ``entries`` that are not in the store."""
        return [entry for entry in entries if not self.has(entry)]

    def put(self, entry: FileEntry, data: bytes) -> None:
        """Store the bytes of ``entry``, which the caller has checked. Every read checks them again."""
        if not self.has(entry):
            keep(self.path(entry.sha256), data, mode=0o444)

    def read(self, entry: FileEntry) -> bytes:
        """Return the checked bytes of ``entry``. Raises `BlobMissing`; a damaged blob is deleted first."""
        try:
            data = read_file(self.path(entry.sha256), MAX_BLOB)
        except OSError:
            raise _missing(entry) from None
        # Every program of this user can write to the cache, so every read is checked (docs/trust-rules.md,
        # rule 1).
        with self._healing(entry):
            entry.check(data, where=str(self.path(entry.sha256)))
        return data

    def find(self, digest: Digest, limit: int) -> bytes | None:
        """Return the checked bytes with this digest, at most ``limit``; None if they are not here."""
        try:
            data = read_file(self.path(digest), limit)
        except (OSError, TarkError):
            return None
        if sha256(data) != digest:
            # `put` looks at the size alone, so a damaged blob would never be replaced.
            self.path(digest).unlink(missing_ok=True)
            return None
        return data

    def copy(self, entry: FileEntry, target: Path) -> None:
        """Copy ``entry`` to the new file ``target`` and check the copy. Raises `BlobMissing`, like `read`."""
        path = self.path(entry.sha256)
        try:
            # Opened once and copied from the descriptor: the path may be replaced between check and copy.
            source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            raise _missing(entry) from None
        try:
            with self._healing(entry):
                copy_verified(source, target, entry, where=str(path))
        finally:
            os.close(source)

    @contextmanager
    def _healing(self, entry: FileEntry) -> Iterator[None]:
        try:
            yield
        # A damaged blob is deleted, so that the next sync fetches it again.
        except DigestMismatch:
            with contextlib.suppress(OSError):
                self.path(entry.sha256).unlink()
            raise _missing(entry) from None


def _missing(entry: FileEntry) -> BlobMissing:
    return BlobMissing(f"'{entry.name}' (sha256 {entry.sha256}) is not in the store", hint="tarkpm sync")
