"""JSON documents from a plugin, read field by field. Every error is a `Mismatch`."""

import json
from typing import Any

from tarkpm.host.worker.wit import Mismatch

_REQUIRED: Any = object()


class AnswerDocument:
    """A JSON object in a function's answer. Unknown fields are ignored."""

    def __init__(self, function: str, value: Any) -> None:
        self._function = function
        if type(value) is not dict:
            raise Mismatch(f"{function}: expected an object, found {type(value).__name__}")
        self._value: dict[str, Any] = value

    def text(self, key: str, default: Any = _REQUIRED) -> Any:
        """Return a text, or ``default`` if it is missing or null."""
        return _sendable(self._field(key, str, default), self._function)

    def number(self, key: str) -> int:
        """Return an integer from 0 to 2⁶³-1."""
        found: int = self._field(key, int, _REQUIRED)
        if not 0 <= found < 1 << 63:
            raise Mismatch(f"{self._function}: expected {key} to be a number from 0 to 2⁶³-1, found {found}")
        return found

    def flag(self, key: str, default: Any = _REQUIRED) -> bool:
        """Return a Boolean, or ``default`` if it is missing or null."""
        found: bool = self._field(key, bool, default)
        return found

    def inside(self, key: str) -> "AnswerDocument | None":
        """Return an object in this one, or None if it is missing or null."""
        found = self._value.get(key)
        return None if found is None else AnswerDocument(f"{self._function} {key}", found)

    def several(self, key: str) -> "list[AnswerDocument]":
        """Return a list of objects, which is empty if it is missing or null."""
        return _documents(f"{self._function} {key}", self._field(key, list, []))

    def pairs(self, key: str) -> list[list[str]]:
        """Return ``[[name, value], …]`` or ``{name: value, …}`` as pairs; empty if it is missing or null."""
        found = self._value.get(key)
        items = list(found.items()) if type(found) is dict else found or []
        where = f"{self._function} {key}"
        if type(items) is not list or not all(isinstance(item, list | tuple) for item in items):
            raise Mismatch(f"{where}: expected pairs")
        if not all(len(item) == 2 and all(type(part) is str for part in item) for item in items):
            raise Mismatch(f"{where}: expected pairs of strings")
        return [[_sendable(part, where) for part in item] for item in items]

    def _field(self, key: str, kind: type, default: Any) -> Any:
        found = self._value.get(key)
        if found is None and default is not _REQUIRED:
            return default
        if type(found) is not kind:
            wanted = {str: "a string", int: "a number", bool: "true or false", list: "a list"}[kind]
            shown = "nothing" if found is None else type(found).__name__
            raise Mismatch(f"{self._function}: expected {key} to be {wanted}, found {shown}")
        return found


def document(function: str, text: str) -> AnswerDocument:
    """Return the object that a function answered. Raises `Mismatch`."""
    return AnswerDocument(function, _parsed(function, text))


def documents(function: str, text: str) -> list[AnswerDocument]:
    """Return the list of objects that a function answered. Raises `Mismatch`."""
    return _documents(function, _parsed(function, text))


def _documents(function: str, value: Any) -> list[AnswerDocument]:
    if type(value) is not list:
        raise Mismatch(f"{function}: expected a list, found {type(value).__name__}")
    return [AnswerDocument(function, item) for item in value]


def _parsed(function: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Mismatch(f"{function}: expected JSON") from None


def _sendable(found: Any, function: str) -> Any:
    """Return a text if it is Unicode: JSON can contain half a surrogate pair. Raises `Mismatch`."""
    if type(found) is str and not found.isascii():
        try:
            found.encode()
        except UnicodeEncodeError:
            raise Mismatch(f"{function}: expected Unicode") from None
    return found
