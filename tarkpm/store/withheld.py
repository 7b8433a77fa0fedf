"""Tools that defined themselves differently when they ran than when they were pinned: one file per module.

A host that meets such a tool refuses the call and leaves a note here, which `tarkpm verify` reports
(docs/trust-rules.md, rule 13). A file is replaced as a whole, so several processes need no lock.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.shapes import from_json
from tarkpm.core.tool import ToolPin
from tarkpm.errors import TarkError
from tarkpm.io.files import atomic_write, make_private, read_file

MAX_BYTES = 1024 * 1024
"""More than the pins of the most tools with the longest names."""


class Withheld:
    """The notes under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "withheld"

    def tools(self, module: Digest, pins: Iterable[ToolPin]) -> tuple[str, ...]:
        """Return the tools of a module that were withheld on this machine, with these pins."""
        known = self._read(module)
        return tuple(one.name for one in pins if known is None or one in known)

    def add(self, module: Digest, pins: Iterable[ToolPin]) -> None:
        """Remember that a module's tools differed from these pins."""
        known = self._read(module) or ()
        if not {*pins} <= {*known}:
            make_private(self.folder)
            data = msgspec.json.encode(sorted({*known, *pins}))
            atomic_write(self._file(module), data, mode=0o600)

    def _read(self, module: Digest) -> tuple[ToolPin, ...] | None:
        """Return what was noted of a module; None if that cannot be read, which hides nothing."""
        try:
            return from_json(read_file(self._file(module), MAX_BYTES), tuple[ToolPin, ...])
        except FileNotFoundError:
            return ()
        except (msgspec.DecodeError, OSError, TarkError):
            return None

    def _file(self, module: Digest) -> Path:
        return self.folder / f"{module}.json"
