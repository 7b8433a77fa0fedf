"""Parse TOML and JSON into typed values, with errors that name the file and the key path.

Shapes are msgspec Structs. Checks beyond types are made by the module that owns the document. `inline` writes
values as TOML. No I/O: bytes come in, values come out.
"""

import json
import re
import tomllib
from json.encoder import encode_basestring
from typing import Annotated, Any, TypeVar

import msgspec

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.shapes import from_value
from tarkpm.core.text import EMPTY, bounded_int, json_flaw, reject_constant
from tarkpm.errors import DocumentError, TarkError

T = TypeVar("T")

BOM = "\ufeff"
"""The byte order mark that some Windows editors put in front of UTF-8 text (RFC 3629, section 6)."""
Text = Annotated[str, msgspec.Meta(min_length=1)]
"""A string that must not be empty: an empty value is not an absent one (docs/decisions/0095)."""

MAX_KEY_DEPTH = 32
"""Limit of nested tables and arrays. Documents are untrusted, and parsers recurse."""

MAX_DOTS = 200
"""Limit of dots in a line outside of quotes. The time of tomllib is quadratic in their number."""

_CONFLICT = lazy_pattern(rb"^(?:<{7}|>{7})(?: |\r?$)", re.MULTILINE)
_QUOTED = lazy_pattern(rb"\"[^\"\n]*\"|'[^'\n]*'")
_PLACE = lazy_pattern(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_NAMES = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "null": "nothing",
}


def decode_toml(data: bytes, shape: type[T], *, where: str, error: type[DocumentError], limit: int) -> T:
    """Parse TOML of at most ``limit`` bytes into ``shape``.

    Raises ``error`` with ``where`` and, for a wrong type, the key path and what was expected and found.
    """
    return convert(parse_toml(data, where=where, error=error, limit=limit), shape, where=where, error=error)


def parse_toml(data: bytes, *, where: str, error: type[DocumentError], limit: int) -> dict[str, Any]:
    """Parse TOML of at most ``limit`` bytes into plain values. Raises ``error`` with line and column.

    A byte order mark is skipped, as tark does.
    """
    if len(data) > limit:
        raise error(f"the file has {len(data)} bytes, the limit is {limit}", where=where)
    # Before tomllib sees the data: its time for a dotted key is quadratic.
    if _most_dots(data) > MAX_DOTS:
        raise error(f"a key has more than {MAX_DOTS} dotted parts", where=where)
    try:
        table = tomllib.loads(data.decode("utf-8").removeprefix(BOM))
    except UnicodeDecodeError as problem:
        raise error(f"not UTF-8 text (byte {problem.start})", where=where) from None
    except tomllib.TOMLDecodeError as problem:
        if found := _CONFLICT.search(data):
            line = data.count(b"\n", 0, found.start()) + 1
            raise error(f"a merge conflict is not resolved (line {line})", where=where) from None
        raise error(f"not valid TOML: {lower_first(str(problem))}", where=where) from None
    except RecursionError:
        raise error("tables or lists nest too deeply", where=where) from None
    except ValueError:
        raise error("not valid TOML: a number is too long", where=where) from None
    if _depth(table) > MAX_KEY_DEPTH:
        raise error("tables or lists nest too deeply", where=where)
    return table


def decode_json(data: bytes, shape: type[T], *, where: str, error: type[TarkError], limit: int) -> T:
    """Parse strict JSON of at most ``limit`` bytes into ``shape``. Raises ``error`` with the key path."""
    if len(data) > limit:
        raise error(f"the document has {len(data)} bytes, the limit is {limit}", where=where)
    try:
        value = strict_json(data)
    except (ValueError, RecursionError) as problem:
        raise error(f"not strict JSON: {json_flaw(problem)}", where=where) from None
    return convert(value, shape, where=where, error=error)


def strict_json(data: bytes) -> Any:
    """Parse JSON in UTF-8 without duplicate keys and without NaN. Raises `ValueError`.

    RFC 8259, section 4, leaves the meaning of a duplicate key open, so two parsers could read one document
    differently.
    """
    return json.loads(
        data.decode("utf-8"),
        object_pairs_hook=_unique,
        parse_constant=reject_constant,
        parse_int=bounded_int,
    )


def check_version(what: str, found: int, *known: int) -> None:
    """Raise `ValueError` unless a document of an index has a version that this tarkpm reads."""
    if found not in known:
        expected = " or ".join(map(str, known))
        raise ValueError(f"expected {what} of version {expected}, found {found}: it requires a newer tarkpm")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key occurs twice")
    return table


def convert(value: Any, shape: type[T], *, where: str, error: type[TarkError]) -> T:
    """Convert a plain value into ``shape``. Raises ``error`` with the key path."""
    try:
        return from_value(value, shape)
    except msgspec.ValidationError as problem:
        path, what = _explain(str(problem))
        raise error(what, where=f"{where}: {path}" if path else where) from None


def flaw(problem: Exception) -> str:
    """Return why a document cannot be read, in tarkpm's words, for an error of msgspec, json or a codec."""
    if isinstance(problem, msgspec.ValidationError):
        path, what = _explain(str(problem))
        return f"{path}: {what}" if path else what
    if isinstance(problem, msgspec.DecodeError):
        return "not JSON" if problem.__cause__ is None else str(problem)
    return json_flaw(problem)


def _explain(text: str) -> tuple[str, str]:
    """Rewrite an error message of msgspec as (key path, message in tarkpm's style)."""
    match = _PLACE.match(text)
    what, path = (match["what"], match["path"] or "") if match else (text, "")
    path = re.sub(r"^\$\.?|`", "", path).replace("[...]", "")
    if found := re.match(r"Expected `([^`]*)`, got `([^`]*)`$", what):
        expected = " or ".join(_NAMES.get(name.strip(), name.strip()) for name in found[1].split("|"))
        return path, f"expected {expected}, found {_NAMES.get(found[2], found[2])}"
    if found := re.match(r"Object missing required field `([^`]*)`$", what):
        return path, f"'{found[1]}' is required"
    if found := re.match(r"Object contains unknown field `([^`]*)`$", what):
        return path, f"'{found[1]}' is not a known key"
    if what == "Expected `str` of length >= 1":
        return path, EMPTY
    if found := re.match(r"Invalid enum value (.*)$", what):
        return path, f"{found[1]} is not one of the allowed values"
    return path, lower_first(what)


def _most_dots(data: bytes) -> int:
    return max(line.count(b".") for line in _QUOTED.sub(b"", data).split(b"\n"))


def lower_first(text: str) -> str:
    """Return a library's sentence with its first letter in lower case, as our own messages begin."""
    return text[:1].lower() + text[1:]


def _depth(value: object) -> int:
    """Return how deep ``value`` nests, without recursion."""
    deepest, level = 0, [value]
    while level and deepest <= MAX_KEY_DEPTH:
        level = [child for item in level for child in _children(item)]
        deepest += 1
    return deepest


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def inline(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, str):
        # JSON's escapes are a subset of TOML's (TOML 1.0, Basic strings), but TOML also forbids a raw DEL
        return encode_basestring(value).replace("\x7f", "\\u007f")
    return json.dumps(value)
