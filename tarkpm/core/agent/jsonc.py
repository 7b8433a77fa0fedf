"""Edit one member of a JSON document with comments, and change nothing else of its text.

Settings of editors are JSON with ``//`` and ``/* */`` comments and trailing commas, written by people. A
library that parses and prints them again loses the comments, so a span of the text is replaced instead, and
the result is read again and compared.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tarkpm.core.text import bounded_int, reject_constant

MAX_DEPTH: Final = 100
_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"[^\s,:{}\[\]\"/]+")
_UNIT = re.compile(r"\n([ \t]+)\S")


class JsonError(ValueError):
    """A text is not JSON with comments; ``at`` is the index of the first character that does not fit."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class _Member(msgspec.Struct, frozen=True):
    key: str
    start: int
    value: "_Node"


class _Node(msgspec.Struct, frozen=True):
    """A value: its span, and the members of an object."""

    start: int
    end: int
    members: tuple[_Member, ...] | None = None


def read(text: str) -> Any:
    """Read JSON with comments and trailing commas. Raises `ValueError`."""
    _parse(text)
    return json.loads(_plain(text), parse_constant=reject_constant, parse_int=bounded_int)


def with_member(text: str, path: Sequence[str], value: Any) -> str:
    """Return ``text`` with the member ``path`` set to ``value``. Raises `ValueError`.

    Objects on the way are created. An empty text becomes a document.
    """
    if not text.strip():
        return json.dumps(_nested(path, value), indent=2, ensure_ascii=False) + "\n"
    node, found = _walk(text, path)
    rest = path[len(found) :]
    if not rest:
        member = found[-1]
        new = text[: member.value.start] + _shown(value, text, _indent(text, member.start)) + text[node.end :]
    else:
        if node.members is None:
            raise ValueError(f"expected an object at {'.'.join(path[: len(found)]) or 'the top'}")
        new = _inserted(text, node, rest[0], _nested(rest[1:], value))
    expected = read(text)
    _put(expected, path, value)
    return _checked(new, expected)


def without_member(text: str, path: Sequence[str]) -> str:
    """Return ``text`` without the member ``path``; the same text if there is none. Raises `ValueError`."""
    if not text.strip():
        return text
    _, found = _walk(text, path)
    if len(found) < len(path):
        return text
    start, end = found[-1].start, found[-1].value.end
    after = _SPACE.match(text, end)
    behind = after.end() if after else end
    if text[behind : behind + 1] == ",":
        end = behind + 1
    else:  # the last one: the comma before it goes, unless it follows a comment
        head = text[:start].rstrip()
        start = len(head) - 1 if head.endswith(",") else start
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip() and text[end : end + 1] in ("\n", ""):
        start, end = line, end + 1
    expected = read(text)
    holder = expected
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return _checked(text[:start] + text[end:], expected)


def _checked(new: str, expected: Any) -> str:
    if read(new) != expected:
        raise ValueError("this layout cannot be edited automatically")
    return new


def _nested(path: Sequence[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _put(document: Any, path: Sequence[str], value: Any) -> None:
    for key in path[:-1]:
        document = document.setdefault(key, {})
    document[path[-1]] = value


def _walk(text: str, path: Sequence[str]) -> tuple[_Node, list[_Member]]:
    """Return the deepest value on the way to ``path``, and the members that lead to it."""
    node, found = _parse(text), []
    for key in path:
        member = next((one for one in node.members or () if one.key == key), None)
        if member is None:
            break
        found.append(member)
        node = member.value
    return node, found


def _inserted(text: str, node: _Node, key: str, value: Any) -> str:
    outer = _indent(text, node.start)
    unit = _unit(text)
    if not node.members:
        inner = outer + unit
        shown = f"{json.dumps(key)}: {_shown(value, text, inner)}"
        rest = text[node.start + 1 : node.end - 1]  # it may hold comments
        return f"{text[: node.start + 1]}\n{inner}{shown}{rest.rstrip() or ''}\n{outer}{text[node.end - 1 :]}"
    last = node.members[-1]
    inner = _indent(text, last.start) if "\n" in text[node.start : last.start] else outer + unit
    line = f"\n{inner}{json.dumps(key)}: {_shown(value, text, inner)}"
    end = last.value.end
    after = _SPACE.match(text, end)
    behind = after.end() if after else end
    has_comma = text[behind : behind + 1] == ","
    # A comment behind the last value stays on its line.
    newline = text.find("\n", behind if has_comma else end, node.end)
    at = newline if newline >= 0 else node.end - 1
    between = text[end:at]
    if has_comma:
        return text[:at] + line + "," + text[at:]
    tail = "" if newline >= 0 else f"\n{outer}"
    return text[:end] + "," + between.rstrip(" ") + line + tail + text[at:]


def _shown(value: Any, text: str, indent: str) -> str:
    return json.dumps(value, indent=_unit(text), ensure_ascii=False).replace("\n", "\n" + indent)


def _unit(text: str) -> str:
    found = _UNIT.search(text)
    return found[1] if found else "  "


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _parse(text: str) -> _Node:
    at = _skip(text, 1 if text.startswith("\ufeff") else 0)
    node = _value(text, at, 0)
    if _skip(text, node.end) != len(text):
        raise JsonError(
            f"expected the end of the document, found {text[_skip(text, node.end) :][:20]!r}",
            _skip(text, node.end),
        )
    return node


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> _Node:
    if depth > MAX_DEPTH:
        raise JsonError("nested too deeply", at)
    if text[at : at + 1] == "{":
        return _object(text, at, depth)
    if text[at : at + 1] == "[":
        return _array(text, at, depth)
    found = _STRING.match(text, at) or _SCALAR.match(text, at)
    if found is None:
        raise JsonError(f"expected a value, found {text[at : at + 20]!r}", at)
    return _Node(at, found.end())


def _object(text: str, start: int, depth: int) -> _Node:
    members: list[_Member] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != "}":
        found = _STRING.match(text, at)
        if found is None:
            raise JsonError(f"expected a key, found {text[at : at + 20]!r}", at)
        key = json.loads(found[0])
        if any(one.key == key for one in members):  # programs differ on which of two counts
            raise JsonError(f"the key {key[:60]!r} is there twice", at)
        colon = _skip(text, found.end())
        if text[colon : colon + 1] != ":":
            raise JsonError(f"expected ':' after the key {key[:60]!r}", colon)
        value = _value(text, _skip(text, colon + 1), depth + 1)
        members.append(_Member(key, at, value))
        at = _after(text, value.end, "}")
    return _Node(start, at + 1, tuple(members))


def _array(text: str, start: int, depth: int) -> _Node:
    at = _skip(text, start + 1)
    while text[at : at + 1] != "]":
        at = _after(text, _value(text, at, depth + 1).end, "]")
    return _Node(start, at + 1)


def _after(text: str, at: int, close: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] == ",":
        return _skip(text, at + 1)
    if text[at : at + 1] != close:
        raise JsonError(f"expected ',' or '{close}', found {text[at : at + 20]!r}", at)
    return at


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])', re.DOTALL)


def _plain(text: str) -> str:
    """Return the document without comments and trailing commas, so that `json` reads it."""
    return _TOKEN.sub(lambda found: found[0] if found[0].startswith('"') else " ", text).lstrip("\ufeff")
