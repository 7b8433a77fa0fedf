"""Values of tarkpm's own environment variables, from a snapshot. Pure.

An empty value is an error, not the same as no value: it is what an unset shell variable or a missing secret
of a CI system leaves behind (docs/decisions/0095-an-empty-value-is-an-error.md). Variables of other programs
keep their own convention, where empty mostly means unset.
"""

from collections.abc import Mapping

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.text import EMPTY
from tarkpm.errors import TarkError

YES = ("1", "true", "yes", "on")
NO = ("0", "false", "no", "off")

_NUMBER = lazy_pattern(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def text(environment: Mapping[str, str], name: str) -> str:
    """Return the value of a variable, "" if it is not set. Raises `TarkError` if it is empty."""
    value = environment.get(name)
    if value == "":
        raise TarkError(EMPTY, where=name, hint=f"unset {name}")
    return value or ""


def flag(environment: Mapping[str, str], name: str) -> bool:
    """Return whether a variable is on; it is off if not set. Raises `TarkError` for other values."""
    value = text(environment, name)
    if value.lower() in YES:
        return True
    if value and value.lower() not in NO:
        expected = f"{', '.join(YES)}, {', '.join(NO[:-1])} or {NO[-1]}"
        raise TarkError(f"expected {expected}, found '{value[:80]}'", where=name, hint=f"unset {name}")
    return False


def seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    """Return a number of seconds, ``default`` if not set. Raises `TarkError` for other values.

    A sign, an exponent, ``nan`` and ``inf`` are refused: comparisons with ``nan`` are never true, so a wait
    of that length would not end.
    """
    value = text(environment, name)
    if value and not _NUMBER.fullmatch(value):
        message = f"expected a number of seconds like 60 or 0.5, found '{value[:80]}'"
        raise TarkError(message, where=name, hint=f"unset {name}")
    return float(value) if value else default
