"""What an audit of an index says."""

import msgspec

from tarkpm.errors import TarkError


class IndexFinding(msgspec.Struct, frozen=True):
    """Something that is not as it must be, or, as a note, worth knowing.

    ``code`` is the name of the error it would be elsewhere.
    """

    code: str
    message: str
    where: str = ""
    hint: str = ""
    note: bool = False

    @classmethod
    def of(cls, error: TarkError) -> "IndexFinding":
        """The finding an error makes."""
        return cls(error.code, error.message, error.where, error.hint)
