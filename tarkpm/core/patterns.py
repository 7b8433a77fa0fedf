"""Regular expressions that are compiled when they are first used.

A short command imports some fifty patterns and uses a few of them; compiling them all took a fifteenth of a
`sync` with nothing to do. So modules that most commands import take theirs from here.
"""

import re
from typing import TYPE_CHECKING, Any

__all__ = ["lazy_pattern"]


class _Lazy:
    """A pattern that becomes compiled at the first access to one of its attributes."""

    def __init__(self, text: str, flags: int) -> None:
        self._source = text, flags

    def __getattr__(self, name: str) -> Any:
        value = getattr(re.compile(*self._source), name)
        setattr(self, name, value)  # the next access does not come here: as quick as a compiled pattern's
        return value


if TYPE_CHECKING:
    lazy_pattern = re.compile
else:

    def lazy_pattern(text: str, flags: int = 0) -> _Lazy:
        """Return what `re.compile` returns, but compiled at its first use."""
        return _Lazy(text, flags)
