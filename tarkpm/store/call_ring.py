"""The recorded calls of one plugin of one project: a bounded ring of files in state.

Each call is a file of its own, renamed into place. So a killed process leaves a whole record or none, and
several processes need no lock. The folder is never in a project: only this user's own tarkpm writes it.
"""

import os
import re
import stat
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.recorded import VERSION, RecordedCall
from tarkpm.errors import StoreError, TarkError
from tarkpm.io.files import atomic_write, make_private, remove_tree
from tarkpm.store.documents import read_document
from tarkpm.store.sweep import is_leftover

KEPT: Final = 100
"""Calls kept of each plugin."""
MAX_CALL: Final = 256 * 1024
"""Bytes of one recorded call."""
MAX_TOTAL: Final = 4 * 1024 * 1024
"""Bytes of all calls of one plugin."""
MAX_AGE: Final = 30 * 24 * 60 * 60 * 1000
"""Milliseconds after which a call is deleted, at the next one that is recorded."""
CALLS: Final = "calls"
_NAME: Final = re.compile(r"([0-9]{15})-[0-9a-f]{16}\.json")


class CallRing:
    """The ring in the state folder ``root`` of the plugin whose data folder is ``data``."""

    def __init__(self, root: Path, data: Path) -> None:
        # The data folder is that of one publisher's plugin in one environment: DATA/ENVIRONMENT/NAME.
        self.folder = root / CALLS / data.parent.name / data.name

    def add(self, call: RecordedCall) -> bool:
        """Keep a call, and delete what exceeds the limits. Returns whether it is the first one.

        Raises `StoreError` for a folder that another user could write to, and `OSError`.
        """
        data = msgspec.json.encode(call)
        if len(data) > MAX_CALL:
            raise StoreError(f"the call is larger than {MAX_CALL:,} bytes", where=str(self.folder))
        make_private(self.folder)
        self._check()
        is_first = not self._names()
        name = f"{max(0, call.at):015d}-{os.urandom(8).hex()}.json"
        # Not durable: a power cut may lose the last calls, and no call waits for the disk.
        atomic_write(self.folder / name, data, mode=0o600, durable=False)
        self._drop_older(call.at)
        self._drop_temporary(call.at / 1000)
        return is_first

    def _drop_temporary(self, now: float) -> None:
        """Delete what killed processes left behind."""
        for file in self.folder.iterdir():
            if file.name.startswith(".") and is_leftover(file, now):
                file.unlink(missing_ok=True)

    def read(self) -> tuple[list[RecordedCall], list[str]]:
        """Return the calls, newest first, and why others cannot be read."""
        found: list[RecordedCall] = []
        problems: list[str] = []
        try:
            names = self._names()
            if names:
                self._check()
        except TarkError as problem:
            return [], [problem.message]
        for name in names[:KEPT]:
            try:
                call = self._read(name)
            except (TarkError, OSError) as problem:
                problems.append(problem.message if isinstance(problem, TarkError) else str(problem.strerror))
                continue
            if call is not None:  # another process may have deleted it
                found.append(call)
        return found, problems

    def remove(self) -> None:
        """Delete the ring."""
        remove_tree(self.folder)

    def _read(self, name: str) -> RecordedCall | None:
        file = self.folder / name
        what, hint = "a recorded call", f"rm {file}"
        return read_document(file, RecordedCall, version=VERSION, limit=MAX_CALL, what=what, hint=hint)

    def _names(self) -> list[str]:
        """Return the names of the files, newest first. Temporary ones of other processes are left out."""
        try:
            names = [path.name for path in self.folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(filter(_NAME.fullmatch, names), reverse=True)

    def _drop_older(self, now: int) -> None:
        total = 0
        for count, name in enumerate(self._names(), 1):
            file = self.folder / name
            try:
                total += file.lstat().st_size
            except FileNotFoundError:  # another process deleted it
                continue
            is_old = now - int(name[:15]) > MAX_AGE
            if count > 1 and (count > KEPT or total > MAX_TOTAL or is_old):
                file.unlink(missing_ok=True)

    def _check(self) -> None:
        """Raise `StoreError` for a folder that is a link, or that another user could write to."""
        for folder in (self.folder, self.folder.parent, self.folder.parent.parent):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise StoreError("the folder of recorded calls is not this user's own", where=str(folder))


def remove_rings(root: Path, environment: str) -> None:
    """Delete the recorded calls of all plugins of an environment."""
    remove_tree(root / CALLS / environment)
