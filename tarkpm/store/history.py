"""The history of one project: its documents after each change, as numbered generations in state.

A generation is found by the id of the project's environment, so it moves with the project, and a clone has
none. It decides nothing: what it holds goes through the same checks as documents that were pulled.
"""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from tarkpm.core.digest import Digest, sha256
from tarkpm.core.patterns import lazy_pattern
from tarkpm.errors import StoreError, TarkError
from tarkpm.io.files import atomic_write, make_private
from tarkpm.store.documents import read_document
from tarkpm.store.kept_data import KeptData
from tarkpm.store.state import Installed

KEPT: Final = 50
"""Generations kept of each project."""
MAX_TOTAL: Final = 32 * 1024 * 1024
"""Bytes of a project's generations, above which older ones are deleted; the newest two are always kept."""
MAX_DOCUMENTS: Final = 8 * 1024 * 1024
"""Bytes of both documents, above which no generation is made: the journal must hold it twice."""
MAX_COMMAND: Final = 500
_MAX_BYTES: Final = 64 * 1024 * 1024
_ALWAYS: Final = 2
_VERSION: Final = 1
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999: later ones cannot be shown
_NAME: Final = lazy_pattern(r"([1-9][0-9]{0,8})\.json")


class Generation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The documents of a project after one change.

    ``at`` is in seconds since the epoch. ``command`` is the command line that made the change, without
    logins; "" for documents that tarkpm found, because something else had written them. ``project`` and
    ``lock`` are the texts of tark.toml and tark.lock, "" where there was none. ``installed`` has a digest of
    the installed files of each plugin.
    """

    number: int
    at: Annotated[int, msgspec.Meta(ge=0, le=_LAST_SECOND)]
    command: str
    project: str
    lock: str
    installed: dict[str, Digest]
    version: int = _VERSION

    @property
    def documents(self) -> tuple[str, str]:
        """The texts of tark.toml and tark.lock."""
        return self.project, self.lock


def installed_digests(installed: Mapping[str, Installed]) -> dict[str, Digest]:
    """Return one digest for the installed files of each plugin, by name."""
    return {
        name: sha256("".join(f"{file.sha256} {file.name}\n" for file in one.files).encode())
        for name, one in sorted(installed.items())
    }


class History:
    """The generations of the project whose environment has this id, in the state folder ``root``."""

    def __init__(self, root: Path, environment: str) -> None:
        self.folder = root / "history" / environment

    @property
    def data(self) -> KeptData:
        """The copies of what plugins stored."""
        return KeptData(self.folder)

    def numbers(self) -> list[int]:
        """Return the numbers of the kept generations, newest first."""
        try:
            names = [path.name for path in self.folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = (_NAME.fullmatch(name) for name in names)
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def read(self, number: int) -> Generation | None:
        """Return a generation, None if it is not kept. Raises `StoreError` for a damaged one."""
        file = self._file(number)
        found = read_document(
            file,
            Generation,
            version=_VERSION,
            limit=_MAX_BYTES,
            what=f"generation {number}",
            hint=f"rm {shlex.quote(str(file))}",
        )
        if found is not None and found.number != number:
            raise StoreError(
                f"expected generation {number}, found generation {found.number}",
                where=str(file),
                hint=f"rm {shlex.quote(str(file))}",
            )
        return found

    def newest(self) -> Generation | None:
        """Return the newest generation that can be read, or None: a damaged one must not stop a change."""
        for number in self.numbers():
            try:
                return self.read(number)
            except (TarkError, OSError):
                continue
        return None

    def save(self, generations: Iterable[Generation]) -> None:
        """Keep these generations, oldest first, and delete those beyond the limits. May be repeated."""
        for generation in generations:
            make_private(self.folder)
            data = msgspec.json.encode(generation)
            atomic_write(self._file(generation.number), data, mode=0o600)
            self._drop_older()

    def _drop_older(self) -> None:
        total = 0
        for count, number in enumerate(self.numbers(), 1):
            file = self._file(number)
            total += file.stat().st_size
            if count > _ALWAYS and (count > KEPT or total > MAX_TOTAL):
                file.unlink(missing_ok=True)
        self.data.drop(self.numbers())

    def _file(self, number: int) -> Path:
        return self.folder / f"{number}.json"
