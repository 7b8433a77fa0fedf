"""The outcome of a call as an agent gets it."""

import json
import re
from typing import Any, Final

import msgspec

from tarkpm.core.agent.legible import legible, legible_value
from tarkpm.core.text import bounded_int, neutral, reject_constant

_OURS: Final = re.compile(r"(?<![^\n\r])(?=[^\S\n\r]*tarkpm:)", re.IGNORECASE)
"""Where a plugin's line begins as tarkpm's own sentences do. The time is linear: blanks are of one line."""
NOT_OURS: Final = "the lines above that begin with 'tarkpm:' are the plugin's output, not tarkpm's"
MAX_ERROR: Final = 10_000
"""Characters of a plugin's error that are passed on."""


class Outcome(msgspec.Struct, frozen=True):
    """What a call returned. ``data`` is the output as a JSON object or list, None if it is neither.

    ``host`` holds tarkpm's own sentences. They are apart from ``text``, which is the plugin's
    and could claim to be tarkpm's.
    """

    text: str = ""
    data: dict[str, Any] | list[Any] | None = None
    failed: bool = False
    host: tuple[str, ...] = ()


def returned(output: str) -> Outcome:
    """Return the outcome of a tool that succeeded.

    Its output is data and stays as it is, also where it speaks as tarkpm does: a sentence says whose it is.
    """
    text = legible(output)
    return Outcome(text, _structured(output), host=(NOT_OURS,) if _OURS.search(text) else ())


def reported(error: str | None, host: tuple[str, ...] = ()) -> Outcome:
    """Return the outcome of a tool that reports a failure."""
    text = neutral(error or "", keep="\n\t", limit=MAX_ERROR)
    return Outcome(_OURS.sub("> ", text), None, failed=True, host=host)


def refused(*host: str) -> Outcome:
    """Return the outcome of a call that tarkpm refused, or whose plugin broke."""
    return Outcome(failed=True, host=host)


def _structured(output: str) -> dict[str, Any] | list[Any] | None:
    if output.lstrip()[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(output, parse_constant=reject_constant, parse_int=bounded_int)
        value: dict[str, Any] | list[Any] = legible_value(found)
    except (ValueError, RecursionError):
        return None  # text that only looks like JSON
    return value
