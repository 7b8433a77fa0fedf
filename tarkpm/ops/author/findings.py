"""What `check` finds in a working copy: problems that refuse it, and what its author should look at."""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from tarkpm.core.document import BOM
from tarkpm.core.toml_scan import lines
from tarkpm.errors import TarkError
from tarkpm.ops.release.working_copy import WorkingCopy

MAX_PART: Final = 80
"""Characters of each part of a key in a place."""

Severity = Literal["error", "warning", "note"]


class CheckFinding(msgspec.Struct, frozen=True):
    """One finding. Only an ``error`` keeps a plugin from being published; ``code`` is its class or kind."""

    severity: Severity
    code: str
    message: str
    where: str = ""
    hint: str = ""
    exit_status: int = 0

    @classmethod
    def of(cls, problem: TarkError) -> "CheckFinding":
        """Return the finding that an error means. Its status is 3 for signatures and digests, else 1."""
        status = 3 if problem.exit_status == 3 else 1
        return cls("error", problem.code, problem.message, problem.where, problem.hint, status)


def exit_status(findings: Iterable[CheckFinding]) -> int:
    """Return 0 without errors, 3 for one about a digest, signature or key, else 1."""
    found = {one.exit_status for one in findings if one.severity == "error"}
    return next((status for status in (3, 1) if status in found), 0)


def warned(code: str, message: str, where: str = "", hint: str = "") -> CheckFinding:
    """Return a warning."""
    return CheckFinding("warning", code, message, where, hint)


class Places:
    """Where the keys of a plugin.toml are: ``plugin.toml:3: plugin.name``."""

    def __init__(self, file: str, data: bytes) -> None:
        self._file = file
        # Once for all findings: a hostile file may have many keys.
        try:
            self._lines = lines(data.decode("utf-8", "replace").removeprefix(BOM))
        except (ValueError, IndexError):  # the file is not TOML
            self._lines = {}

    @classmethod
    def of(cls, copy: WorkingCopy) -> "Places":
        """Return the places in a working copy's plugin.toml."""
        return cls(str(copy.manifest_file), copy.collected.files[copy.manifest_file.name])

    def key(self, *path: str) -> str:
        """Return the place of a key, with the line of the nearest one above it if it is not there."""
        above = (self._lines.get(path[:depth]) for depth in range(len(path), 0, -1))
        line = next((one for one in above if one), 0)
        number = f":{line}" if line else ""
        return f"{self._file}{number}" + (f": {'.'.join(part[:MAX_PART] for part in path)}" if path else "")
