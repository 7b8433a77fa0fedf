"""A bisection that a project is in: one small file in state, by the id of the project's environment."""

import shlex
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.bisection import Bisection
from tarkpm.core.digest import Digest
from tarkpm.io.files import atomic_write, make_private
from tarkpm.store.documents import read_document

MAX_BYTES: Final = 16 * 1024 * 1024
VERSION: Final = 1


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A generation that the project was brought to: digests of its documents, and of what is accepted."""

    generation: int
    documents: Digest
    accepted: str


class Running(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bisection.

    ``start`` is the generation that the project was at, with what was ``accepted`` then. ``places`` are where
    it may be now: two if a step was interrupted.
    """

    start: int
    accepted: Acceptance
    known: Bisection
    places: tuple[Place, ...]
    version: int = VERSION


class Bisections:
    """The bisection of the project whose environment has this id, in the state folder ``root``."""

    def __init__(self, root: Path, environment: str) -> None:
        self.file = root / "bisect" / f"{environment}.json"

    def read(self) -> Running | None:
        """Return the bisection, None if there is none. Raises `StoreError` for a damaged file."""
        hint = f"rm {shlex.quote(str(self.file))}"
        return read_document(
            self.file, Running, version=VERSION, limit=MAX_BYTES, what="the bisection", hint=hint
        )

    def save(self, running: Running) -> None:
        """Write the bisection atomically."""
        make_private(self.file.parent)
        atomic_write(self.file, msgspec.json.encode(running), mode=0o600)

    def end(self) -> None:
        """Forget the bisection."""
        self.file.unlink(missing_ok=True)
