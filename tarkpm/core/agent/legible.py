"""Make text of plugins safe for a model's context and for the terminal that shows it.

Unlike `core.text.neutral`, this keeps blanks and joiners of other scripts: a tool's output is data, which an
agent may write to a file. It escapes what hides text or steers a terminal: control characters, direction
overrides, zero-width characters and the invisible "tag" letters, with which instructions can be hidden from
the person who reads along.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_TEXTS: Final = frozenset({"description", "title", "$comment"})
_VALUES: Final = frozenset({"const", "enum", "default", "examples"})


def legible(text: str) -> str:
    r"""Return ``text`` with hidden characters escaped as JSON escapes them.

    >>> legible("a\x1b[2Jb\n")
    'a\\u001b[2Jb\n'
    """
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub(_escaped, text)


def _escaped(match: "re.Match[str]") -> str:
    char = ord(match[0])
    if char < 0x10000:
        return f"\\u{char:04x}"
    char -= 0x10000  # as JSON writes it (RFC 8259, section 7), so that JSON remains JSON
    return f"\\u{0xD800 + (char >> 10):04x}\\u{0xDC00 + (char & 0x3FF):04x}"


def legible_value(value: Any) -> Any:
    """Return a JSON value whose strings and keys are `legible`."""
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, list):
        return [legible_value(one) for one in value]
    if isinstance(value, dict):
        return {legible(key): legible_value(one) for key, one in value.items()}
    return value


def legible_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema whose texts for readers are `legible`; what it says of values is unchanged."""
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _TEXTS and isinstance(value, str):
            found[key] = legible(value)
        elif key in _VALUES:
            found[key] = value
        else:
            found[key] = _schemas(value)
    return found


def _schemas(value: Any) -> Any:
    if isinstance(value, Mapping):
        return legible_schema(value)
    return [_schemas(one) for one in value] if isinstance(value, list) else value
