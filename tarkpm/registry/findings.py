"""The findings of an index audit."""

import msgspec

from tarkpm.errors import TarkError


class IndexFinding(msgspec.Struct, frozen=True):
    """A problem of an index, or, with ``note``, something worth knowing.

    ``code`` is the error class that other commands raise for it, or a word of its own.
    """

    code: str
    message: str
    where: str = ""
    hint: str = ""
    note: bool = False

    @classmethod
    def of(cls, error: TarkError) -> "IndexFinding":
        """Return the finding for an error."""
        return cls(error.code, error.message, error.where, error.hint)
