"""Where the statements, keys and values of a TOML document are in its text (TOML 1.0).

`scan` expects a document that tomllib reads: it finds places and does not check the grammar again.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Final

import msgspec

from tarkpm.core.patterns import lazy_pattern

Keys = tuple[str, ...]

ARRAY: Final = "]"
TABLE: Final = "}"

_SPACE = lazy_pattern(r"[ \t]*")
_TRIVIA = lazy_pattern(r"(?:[ \t\r\n]+|#[^\n]*)*")
_LINE = lazy_pattern(r"[^\n]*\n?")
_KEY = lazy_pattern(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
# A multi-line string may end with one or two quotation marks of its own before the closing three.
_SCALAR = lazy_pattern(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|[^\s,\]}#]+(?: [^\s,\]}#]+)*",  # a date and its time may be two words
    re.DOTALL,
)


class TomlValue(msgspec.Struct, frozen=True):
    """The span of a value. ``close`` is the closing bracket of a list or inline table, "" for others."""

    start: int
    end: int
    close: str = ""
    items: tuple["TomlItem", ...] = ()


class TomlItem(msgspec.Struct, frozen=True):
    """One item of a list or inline table. ``comma`` is the place of the comma after it, -1 if none."""

    keys: Keys
    start: int
    value: TomlValue
    comma: int


class TomlStatement(msgspec.Struct, frozen=True):
    """The lines of one header (``value`` None) or pair, with the line end and any comment behind it.

    ``context`` is the table that the header above opened; ``path`` is the whole key, ``context`` included.
    """

    context: Keys
    path: Keys
    start: int
    end: int
    value: TomlValue | None = None


def scan(text: str) -> Iterator[TomlStatement]:
    """Yield the statements of a document in order. Blank lines and lines of comments are between them."""
    at, context = 0, Keys()
    while at < len(text):
        start, at = at, _skip(_SPACE, text, at)
        if text.startswith("[", at):
            context, at = _keys(text, at + 1)
            end = line_end(text, at)
            yield TomlStatement(context, context, start, end)
        elif at < len(text) and text[at] not in "#\r\n":
            keys, at = _keys(text, at)
            value = _value(text, _skip(_SPACE, text, at + 1))
            end = line_end(text, value.end)
            yield TomlStatement(context, (*context, *keys), start, end, value)
        else:
            end = line_end(text, at)
        at = end


def lines(text: str) -> dict[Keys, int]:
    r"""Return the line, from 1, on which each key and table of a document stands first.

    >>> lines('[plugin]\nname = "x"\n')
    {('plugin',): 1, ('plugin', 'name'): 2}
    """
    found: dict[Keys, int] = {}
    line, at = 1, 0
    for statement in scan(text):
        line += text.count("\n", at, statement.start)
        at = statement.start
        for depth in range(1, len(statement.path) + 1):
            found.setdefault(statement.path[:depth], line)
    return found


def line_end(text: str, at: int) -> int:
    """Return where the line that contains ``at`` ends, its line end included."""
    return _skip(_LINE, text, at)


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    if match is None:
        raise ValueError(f"unexpected TOML at character {at}")
    return match.end()


def _keys(text: str, at: int) -> tuple[Keys, int]:
    """Read a dotted key; returns it and the place of what follows it: ``=`` or ``]``."""
    keys: list[str] = []
    while True:
        at = _skip(_SPACE, text, at)
        end = _skip(_KEY, text, at)
        keys.append(_unquoted(text[at:end]))
        at = _skip(_SPACE, text, end)
        if not text.startswith(".", at):
            return tuple(keys), at
        at += 1


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    value: str = tomllib.loads(f"k = {key}")["k"]
    return value


def _value(text: str, at: int) -> TomlValue:
    if text[at] == "[":
        return _container(text, at, ARRAY)
    if text[at] == "{":
        return _container(text, at, TABLE)
    return TomlValue(at, _skip(_SCALAR, text, at))


def _container(text: str, start: int, close: str) -> TomlValue:
    items: list[TomlItem] = []
    at = _skip(_TRIVIA, text, start + 1)
    while text[at] != close:
        begin, keys = at, Keys()
        if close == TABLE:
            keys, at = _keys(text, at)
            at = _skip(_TRIVIA, text, at + 1)
        value = _value(text, at)
        at = _skip(_TRIVIA, text, value.end)
        comma = at if text[at] == "," else -1
        items.append(TomlItem(keys, begin, value, comma))
        if comma >= 0:
            at = _skip(_TRIVIA, text, at + 1)
    return TomlValue(start, at + 1, close, tuple(items))
