"""Documents of ours in state: JSON of one version, damaged or not."""

from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from tarkpm.errors import StoreError
from tarkpm.io.files import read_optional


class Versioned(Protocol):
    """What says which version of its format it is."""

    @property
    def version(self) -> int:
        """The version."""


D = TypeVar("D", bound=Versioned)


def read_document(file: Path, shape: type[D], *, version: int, limit: int, what: str, hint: str) -> D | None:
    """The document in a file, None if there is none. Raises `StoreError` for a damaged one, or a version's.

    ``what`` names it in the error, ``hint`` is what helps where it is damaged; ``limit`` is in bytes.
    """
    data = read_optional(file, limit)
    if data is None:
        return None
    try:
        document = msgspec.json.decode(data, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise StoreError(f"{what} is damaged: {problem}", where=str(file), hint=hint) from None
    if document.version != version:
        raise StoreError(
            f"expected version {version}, found {document.version}: another tarkpm wrote this",
            where=str(file),
            hint="use the tarkpm that wrote it",
        )
    return document
