"""What lies in an index's folder and should not: files nothing names, leftovers, private keys."""

import os
from collections.abc import Container, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from tarkpm.core.digest import is_digest
from tarkpm.core.layout import FILES, METADATA, TARGETS
from tarkpm.registry.findings import IndexFinding
from tarkpm.registry.folder import Index
from tarkpm.registry.sweep import leftovers

_OURS: Final = (METADATA, TARGETS, FILES)
_SECRET: Final = b"PRIVATE KEY-----"
_LOOKED_AT: Final = 64 * 1024


def litter(index: Index, now: datetime, statements: Container[bytes]) -> Iterator[IndexFinding]:
    """Files of no use. ``statements`` are the digests of all listed releases."""
    for path in leftovers(index, now):
        hint = "tarkpm index refresh"
        yield IndexFinding("Leftover", "no recent snapshot leads to this file", str(path), hint)
    for entry in os.scandir(index.folder / TARGETS):
        if entry.name not in ("publishers", "index"):
            yield IndexFinding("Orphan", "nothing of an index is here", entry.path)
    for entry in os.scandir(index.folder / FILES):
        name = entry.name
        if not name.startswith(".") and not (is_digest(name) and bytes.fromhex(name) in statements):
            yield IndexFinding("Orphan", "no release is listed that has this file", entry.path)


def secrets(folder: Path) -> Iterator[IndexFinding]:
    """Private keys anywhere but in `FILES`, whose names are digests of what was accepted."""
    for place, folders, names in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in (*_OURS, ".git")]
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink() and _holds_key(path):
                hint = "move it out of the folder; if it was ever public, rotate it"
                yield IndexFinding("SecretFound", "a private key lies in the index's folder", str(path), hint)


def _holds_key(path: Path) -> bool:
    with path.open("rb") as file:
        return _SECRET in file.read(_LOOKED_AT)
