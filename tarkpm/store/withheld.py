"""Tools that defined themselves differently when they ran than when they were pinned: one file per module.

A host that meets such a tool refuses the call and leaves a note here, which `tarkpm verify` reports
(docs/trust-rules.md, rule 13). A file is replaced as a whole, so several processes need no lock.
"""

from pathlib import Path

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.errors import TarkError
from tarkpm.io.files import atomic_write, make_private, read_file

MAX_BYTES = 64 * 1024


class Withheld:
    """The notes under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "withheld"

    def tools(self, module: Digest) -> tuple[str, ...]:
        """Return the tools of a module that were withheld on this machine."""
        try:
            return msgspec.json.decode(read_file(self._file(module), MAX_BYTES), type=tuple[str, ...])
        except (msgspec.DecodeError, OSError, TarkError):
            return ()

    def add(self, module: Digest, tools: tuple[str, ...]) -> None:
        """Remember the tools of a module that were withheld."""
        known = self.tools(module)
        if not {*tools} <= {*known}:
            make_private(self.folder)
            atomic_write(self._file(module), msgspec.json.encode(sorted({*known, *tools})), mode=0o600)

    def _file(self, module: Digest) -> Path:
        return self.folder / f"{module}.json"
