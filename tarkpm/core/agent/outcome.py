"""The outcome of a call as an agent gets it."""

import json
import re
from typing import Any, Final

import msgspec

from tarkpm.core.agent.legible import legible, legible_value
from tarkpm.core.text import bounded_int, neutral, reject_constant

_OURS: Final = re.compile(r"^(?=\s*tarkpm:)", re.MULTILINE | re.IGNORECASE)
"""Where a plugin's line begins as tarkpm's own sentences do."""
MAX_ERROR: Final = 10_000
"""Characters of a plugin's error that are passed on."""


class Outcome(msgspec.Struct, frozen=True):
    """What a call returned. ``data`` is the output as a JSON object or list, None if it is neither.

    ``host`` holds tarkpm's own sentences about a failure. They are apart from ``text``, which is the plugin's
    and could claim to be tarkpm's.
    """

    text: str = ""
    data: dict[str, Any] | list[Any] | None = None
    failed: bool = False
    host: tuple[str, ...] = ()


def returned(output: str) -> Outcome:
    """Return the outcome of a tool that succeeded."""
    return Outcome(legible(output), _structured(output))


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
