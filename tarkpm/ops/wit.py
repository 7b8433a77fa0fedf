"""``tarkpm wit``: write the interface files that this tarkpm serves."""

from pathlib import Path

import msgspec

from tarkpm.errors import StoreError
from tarkpm.io.files import atomic_write, read_optional
from tarkpm.ops.project.settings import Settings
from tarkpm.toolchains.resources import HEADER, header, wit_files

MAX_FILE = 1024 * 1024


class WitReport(msgspec.Struct, frozen=True):
    """The folder, and its files by what happened to them."""

    folder: str
    written: tuple[str, ...]
    unchanged: tuple[str, ...]


def write_wit(settings: Settings, folder: Path, *, with_header: bool) -> WitReport:
    """Write the WIT package, and tark.h if asked, into ``folder``, which is created if necessary.

    Files of the same names are replaced; other files stay. Raises `StoreError` if ``folder`` is a file.
    """
    target = settings.cwd / folder
    if target.exists() and not target.is_dir():
        raise StoreError("expected a folder, found a file", where=str(folder), hint="tarkpm wit wit")
    files = wit_files() | ({HEADER: header()} if with_header else {})
    changed = {name: data for name, data in files.items() if _differs(target / name, data)}
    if changed and not settings.dry_run:
        target.mkdir(parents=True, exist_ok=True)
        for name, data in changed.items():
            atomic_write(target / name, data)
    return WitReport(str(folder), tuple(changed), tuple(name for name in files if name not in changed))


def _differs(path: Path, data: bytes) -> bool:
    return read_optional(path, MAX_FILE) != data
