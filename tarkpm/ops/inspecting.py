"""``tarkpm inspect``: what a WebAssembly file is, without running it."""

from pathlib import Path

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.release import TYPES
from tarkpm.host.module import inspect
from tarkpm.io.files import read_file
from tarkpm.store.blobs import MAX_BLOB


class InspectReport(msgspec.Struct, frozen=True):
    """The surface of a binary. ``fits`` are the plugin types whose interface it exports."""

    path: str
    kind: str
    size: int
    sha256: str
    imports: tuple[str, ...]
    exports: tuple[str, ...]
    unknown_imports: tuple[str, ...]
    fits: tuple[str, ...]


def inspect_file(path: Path) -> InspectReport:
    """Look into a file; raises `ModuleInvalid` for anything but WebAssembly."""
    data = read_file(path, MAX_BLOB)
    found = inspect(data, where=str(path))
    fits = tuple(kind for kind in TYPES if kind in found.worlds)
    unknown = found.unknown_imports if found.kind == "component" else ()
    return InspectReport(
        str(path), found.kind, len(data), sha256(data), found.imports, found.exports, unknown, fits
    )
