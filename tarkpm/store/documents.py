"""Read tarkpm's own versioned JSON documents in state."""

from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from tarkpm.core.shapes import from_json
from tarkpm.errors import StoreError
from tarkpm.io.files import read_optional


class Versioned(Protocol):
    """A document that states the version of its format."""

    @property
    def version(self) -> int:
        """The version of the format."""


D = TypeVar("D", bound=Versioned)


def read_document(file: Path, shape: type[D], *, version: int, limit: int, what: str, hint: str) -> D | None:
    """Read a document; None if the file does not exist.

    ``limit`` is in bytes. ``what`` names the document in errors, ``hint`` helps if it is damaged. Raises
    `StoreError` for a damaged document and for another ``version``.
    """
    data = read_optional(file, limit)
    if data is None:
        return None
    try:
        document = from_json(data, shape)
    except msgspec.DecodeError as problem:
        from tarkpm.core.document import flaw  # not before: most commands parse no document

        raise StoreError(f"{what} is damaged: {flaw(problem)}", where=str(file), hint=hint) from None
    if document.version != version:
        raise StoreError(
            f"expected version {version}, found {document.version}: another version of tarkpm wrote it",
            where=str(file),
            hint="use the version of tarkpm that wrote it",
        )
    return document
