"""Verified advisories of indexes, remembered on this machine. `tarkpm audit` reads them without a network.

There is one file per index, named by the digest of its first root, and beside it a small one with the time at
which the index was last asked: it changes daily, the other one seldom.
"""

import shlex
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tarkpm.core.advised import Advised, IndexAdvisories
from tarkpm.io.files import atomic_write, make_private
from tarkpm.io.locks import exclusive
from tarkpm.store.documents import read_document

D = TypeVar("D", "_Document", "_Checked")

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024 * 1024


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """``records`` are OSV documents, by id. ``list_version`` is that of the metadata that names the list."""

    listed: dict[str, dict[str, str]] = {}
    records: dict[str, str] = {}
    list_version: int = 0
    version: int = VERSION


class _Checked(msgspec.Struct, forbid_unknown_fields=True):
    """When the index was last asked, and until when its answer is fresh, in seconds since the epoch."""

    checked: int = 0
    expires: int = 0
    version: int = VERSION


class Advisories:
    """The advisories under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "advisories"

    def read(self) -> Advised:
        """Return everything remembered, by index root. Raises `StoreError` for a damaged file."""
        files = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ()
        return Advised({f"sha256:{file.stem}": self.read_index(file) for file in files})

    def remember(self, root: str, known: IndexAdvisories, deadline_seconds: float) -> None:
        """Remember what an index said just now, unless more is known. Raises `StoreBusy` and `StoreError`."""
        make_private(self.folder)
        file = self._file(root)
        with exclusive(file.with_suffix(".lock"), "tarkpm", deadline_seconds):
            before = self.read_index(file)
            known = known.merged(before)
            document = _Document(
                {name: dict(rows) for name, rows in known.listed.items()},
                {id_: data.decode() for id_, data in known.records.items()},
                known.version,
            )
            if not file.exists() or (before.listed, before.records) != (known.listed, known.records):
                atomic_write(file, msgspec.json.encode(document, order="sorted"), mode=0o600)
            # Not synced to disk: an older time is only more careful.
            checked = _Checked(known.checked, known.expires)
            atomic_write(
                file.with_suffix(".checked"), msgspec.json.encode(checked), mode=0o600, durable=False
            )

    def _file(self, root: str) -> Path:
        return self.folder / f"{root.removeprefix('sha256:')}.json"

    def read_index(self, file: Path) -> IndexAdvisories:
        """Return what is remembered of one index. Raises `StoreError` for a damaged file."""
        found = _read(file, _Document) or _Document()
        at = _read(file.with_suffix(".checked"), _Checked) or _Checked()
        records = {id_: text.encode() for id_, text in found.records.items()}
        return IndexAdvisories(found.listed, records, at.checked, at.expires, found.list_version)


def _read(file: Path, shape: type[D]) -> D | None:
    hint = f"rm {shlex.quote(str(file))} && tarkpm audit"
    what = "the record of advisories"
    return read_document(file, shape, version=VERSION, limit=MAX_BYTES, what=what, hint=hint)
