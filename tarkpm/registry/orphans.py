"""Find files that do not belong in an index's folder: unlisted files, leftovers, private keys."""

import os
from collections.abc import Container, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from tarkpm.core.digest import is_digest
from tarkpm.core.layout import FILES, LOG, METADATA, TARGETS
from tarkpm.registry.findings import IndexFinding
from tarkpm.registry.folder import Index, entries_of
from tarkpm.registry.sweep import leftovers

_OURS: Final = (METADATA, TARGETS, FILES, LOG)
# The end of the first line of a private key in PEM (RFC 7468), encrypted or not.
_SECRET: Final = b"PRIVATE KEY-----"
_LOOKED_AT: Final = 64 * 1024


def litter(index: Index, now: datetime, statements: Container[bytes]) -> Iterator[IndexFinding]:
    """Yield unused files. ``statements`` are the digests of all listed releases."""
    for path in leftovers(index, now):
        hint = "tarkpm index refresh"
        yield IndexFinding("Leftover", "no recent snapshot lists this file", str(path), hint)
    for entry in entries_of(index.folder / TARGETS):
        if entry.name not in ("publishers", "index"):
            yield IndexFinding("Orphan", "this does not belong to an index", entry.path)
    for entry in entries_of(index.folder / FILES):
        name = entry.name
        if not name.startswith(".") and not (is_digest(name) and bytes.fromhex(name) in statements):
            yield IndexFinding("Orphan", "no listed release has this file", entry.path)


def secrets(folder: Path) -> Iterator[IndexFinding]:
    """Yield private keys in the folder.

    Skips the served folders, whose files are checked against their digests, and ``.git``.
    """
    for place, folders, names in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in (*_OURS, ".git")]
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink() and _holds_key(path):
                hint = "move it elsewhere; if it was ever public, rotate the key"
                yield IndexFinding("SecretFound", "the index folder contains a private key", str(path), hint)


def _holds_key(path: Path) -> bool:
    with path.open("rb") as file:
        return _SECRET in file.read(_LOOKED_AT)
