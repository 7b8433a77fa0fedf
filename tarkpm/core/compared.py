"""Compare what a plugin returned with what a test case expects. Pure."""

import difflib
import json
from collections.abc import Iterator
from typing import Any, Final

from tarkpm.core.text import bounded_int, reject_constant

MAX_LINES: Final = 60
"""Lines of a difference."""
CONTEXT: Final = 2
MAX_COMPARED: Final = 400
"""Lines that are compared, from the first difference on."""


def value_of(output: str) -> Any:
    """Return the value of an output that is JSON, else the text itself."""
    try:
        return json.loads(output, parse_constant=reject_constant, parse_int=bounded_int)
    except (ValueError, RecursionError):
        return output


def is_equal(expected: Any, output: str) -> bool:
    """Return whether an output is the expected text, or JSON of the expected value.

    Objects are equal whatever the order of their keys. A number is no boolean, and 1 equals 1.0.
    """
    if isinstance(expected, str):
        return output == expected or value_of(output) == expected
    return _equal(expected, value_of(output))


def _equal(expected: Any, found: Any) -> bool:
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(_equal(expected[key], found[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_equal, expected, found))
    # In Python True equals 1; in JSON they are different values.
    return isinstance(expected, bool) == isinstance(found, bool) and bool(expected == found)


def is_part(expected: Any, output: str) -> bool:
    """Return whether an output contains the expected text, or JSON that contains the expected value.

    An object contains another one if it has its keys, each with a value that contains the other's; a list, if
    it has the items in that order, others in between allowed; a text, if the other is a part of it.
    """
    if isinstance(expected, str) and expected in output:
        return True
    return _contains(value_of(output), expected)


def _contains(found: Any, expected: Any) -> bool:
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(key in found and _contains(found[key], value) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        rest = iter(found)
        return all(any(_contains(one, wanted) for one in rest) for wanted in expected)
    if isinstance(expected, str) and isinstance(found, str):
        return expected in found
    return _equal(expected, found)


def difference(expected: Any, output: str) -> tuple[str, ...]:
    """Return the lines by which an output differs: ``-`` is expected, ``+`` was found."""
    found = output if isinstance(expected, str) else value_of(output)
    changed = list(_changed(_lines(expected), _lines(found)))
    more = len(changed) - MAX_LINES
    return (*changed[:MAX_LINES], *((f"… {more:,} more lines",) if more > 0 else ()))


def _changed(before: list[str], after: list[str]) -> Iterator[str]:
    same = next((i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    start = max(0, (min(len(before), len(after)) if same is None else same) - CONTEXT)
    # The time of difflib grows with the square of the lines, and a plugin may return millions.
    left, right = before[start : start + MAX_COMPARED], after[start : start + MAX_COMPARED]
    for line in difflib.unified_diff(left, right, lineterm="", n=CONTEXT):
        # The headers of a patch name files, which there are none of.
        if not line.startswith(("--- ", "+++ ", "@@")):
            yield line


def _lines(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.splitlines() or [""]
    try:
        return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True).splitlines()
    except RecursionError:
        return ["a value that nests too deeply to be shown"]
