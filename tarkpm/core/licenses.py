"""Whether a license expression can be satisfied with some allowed licenses (SPDX specification, annex D)."""

from collections.abc import Collection, Iterator
from typing import Final

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.text import short

_TOKEN: Final = lazy_pattern(r"\(|\)|[^\s()]+")
MAX_DEPTH: Final = 32


def is_allowed(expression: str, allowed: Collection[str]) -> bool:
    """Return whether the expression offers a choice of which every license is ``allowed``.

    ``A WITH B`` is allowed by itself, or by A: an exception only permits more. Names are compared without
    case. Raises `ValueError` for a text that is no expression, or nests too deeply.
    """
    reader = _Reader(_TOKEN.findall(expression), {name.lower() for name in allowed})
    result = reader.either(0)
    if reader.tokens:
        raise ValueError(f"unexpected {reader.tokens[0]!r}")
    return result


def license_id(text: str) -> str:
    """Check the name of one license, with its exception if it has one. Raises `ValueError`."""
    # An expression in a list of names would never be equal to a plugin's, nor would several in one.
    is_one = not {*"(),;"} & {*text} and len(text.split()) in (1, 3)
    try:
        if is_one and is_allowed(text, [text]):
            return text
    except ValueError:
        pass  # said better below
    raise ValueError(f"expected the SPDX id of a license, found {short(text)}")


class _Reader:
    def __init__(self, tokens: list[str], allowed: Collection[str]) -> None:
        self.tokens, self.allowed = tokens, allowed

    def either(self, depth: int) -> bool:
        # All parts are read, whatever the first one says.
        return any(list(self._parts("OR", depth)))

    def both(self, depth: int) -> bool:
        return all(list(self._parts("AND", depth)))

    def _parts(self, operator: str, depth: int) -> Iterator[bool]:
        if depth > MAX_DEPTH:
            raise ValueError("the expression nests too deeply")
        read = self.both if operator == "OR" else self._one
        yield read(depth)
        while self._next_is(operator):
            yield read(depth)

    def _next_is(self, word: str) -> bool:
        if self.tokens and self.tokens[0].upper() == word:
            self.tokens.pop(0)
            return True
        return False

    def _one(self, depth: int) -> bool:
        if self._next_is("("):
            result = self.either(depth + 1)
            if not self._next_is(")"):
                raise ValueError("expected ')'")
            return result
        name = self._name()
        if self._next_is("WITH"):
            exception = self._name()
            return name in self.allowed or f"{name} with {exception}" in self.allowed
        return name in self.allowed

    def _name(self) -> str:
        if not self.tokens or self.tokens[0] in "()" or self.tokens[0].upper() in ("AND", "OR", "WITH"):
            raise ValueError("expected the name of a license")
        return self.tokens.pop(0).lower()
