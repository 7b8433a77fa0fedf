"""Read a WIT package: as much of the grammar as the interfaces of tark use.

Grammar: the component model's `WIT.md`. What is beyond it (resources, flags, `use`, async functions) raises
`UnreadableWit` rather than being skipped, so that a new construct in wit/ fails a test.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

PRIMITIVES: Final = frozenset(
    "bool s8 u8 s16 u16 s32 u32 s64 u64 f32 f64 char string".split()  # noqa: SIM905  reads as the grammar does
)
_TOKEN = re.compile(r"\s+|//[^\n]*|/\*.*?\*/|(->|%?[A-Za-z][\w-]*|[{}()<>,:;=_/@.*])", re.DOTALL)


class UnreadableWit(ValueError):
    """The text is not WIT, or uses more of it than this reader knows."""


class Named(msgspec.Struct, frozen=True):
    """A reference to a type of the same interface."""

    name: str


class Compound(msgspec.Struct, frozen=True):
    """``list``, ``option``, ``tuple`` or ``result`` of types; None where a result has no payload."""

    kind: str
    items: "tuple[Type | None, ...]"


Type = str | Named | Compound
"""A primitive by its name, a named type, or a compound one."""


class Definition(msgspec.Struct, frozen=True):
    """A ``record``, ``variant`` or ``enum``: its fields or cases in order, None where there is no payload."""

    kind: str
    items: "tuple[tuple[str, Type | None], ...]"


class WitFunction(msgspec.Struct, frozen=True):
    """A function's parameters and result; None without one."""

    params: tuple[tuple[str, Type], ...]
    result: Type | None


class WitInterface(msgspec.Struct, frozen=True):
    """An interface's types and functions, in the order of the text."""

    types: dict[str, Definition]
    functions: dict[str, WitFunction]


class WitPackage(msgspec.Struct, frozen=True):
    """A package: its name like ``tark:plugin``, its interfaces, and the interface each world exports."""

    name: str
    interfaces: dict[str, WitInterface]
    worlds: dict[str, tuple[str, ...]]


def read_package(texts: Iterable[str]) -> WitPackage:
    """Read the files of one package. Raises `UnreadableWit`."""
    names: set[str] = set()
    interfaces: dict[str, WitInterface] = {}
    worlds: dict[str, tuple[str, ...]] = {}
    for text in texts:
        words = _Words(text)
        names.add(words.package())
        while words.more:
            if words.taken("interface"):
                name = words.name()
                interfaces[name] = words.interface()
            else:
                words.expect("world")
                name = words.name()
                worlds[name] = words.world()
    if len(names) != 1:
        raise UnreadableWit(f"expected one package, found {len(names)}")
    return WitPackage(names.pop(), interfaces, worlds)


class _Words:
    """The tokens of one file, taken from the left."""

    def __init__(self, text: str) -> None:
        self._tokens = self._split(text)
        self._at = 0

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens, at = [], 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise UnreadableWit(f"unexpected {text[at : at + 10]!r}")
            if found[1]:
                tokens.append(found[1])
            at = found.end()
        return tokens

    @property
    def more(self) -> bool:
        return self._at < len(self._tokens)

    def take(self) -> str:
        if not self.more:
            raise UnreadableWit("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]

    def taken(self, word: str) -> bool:
        """Take the next token if it is ``word``."""
        found = self.more and self._tokens[self._at] == word
        self._at += found
        return found

    def expect(self, word: str) -> None:
        if (found := self.take()) != word:
            raise UnreadableWit(f"expected {word!r}, found {found!r}")

    def name(self) -> str:
        word = self.take().removeprefix("%")
        if not word[0].isalpha():
            raise UnreadableWit(f"expected a name, found {word!r}")
        return word

    def package(self) -> str:
        self.expect("package")
        space = self.name()
        self.expect(":")
        name = self.name()
        self.expect(";")
        return f"{space}:{name}"

    def world(self) -> tuple[str, ...]:
        """Read a world; what it imports does not matter: a component imports what its module calls."""
        exports = []
        self.expect("{")
        while not self.taken("}"):
            if self.taken("export"):
                exports.append(self.name())
            else:
                self.expect("import")
                self.name()
            self.expect(";")
        return tuple(exports)

    def interface(self) -> WitInterface:
        types: dict[str, Definition] = {}
        functions: dict[str, WitFunction] = {}
        self.expect("{")
        while not self.taken("}"):
            word = self.take()
            if word in ("record", "variant", "enum"):
                name = self.name()
                types[name] = self._definition(word)
            elif word in ("resource", "flags", "use", "type"):
                raise UnreadableWit(f"{word!r} is not supported")
            else:
                self.expect(":")
                functions[word.removeprefix("%")] = self._function()
        return WitInterface(types, functions)

    def _definition(self, kind: str) -> Definition:
        items: list[tuple[str, Type | None]] = []
        self.expect("{")
        while not self.taken("}"):
            label, payload = self.name(), None
            if kind == "record":
                self.expect(":")
                payload = self.type()
            elif kind == "variant" and self.taken("("):
                payload = self.type()
                self.expect(")")
            items.append((label, payload))
            if not self.taken(","):
                self.expect("}")
                break
        return Definition(kind, tuple(items))

    def _function(self) -> WitFunction:
        self.expect("func")
        self.expect("(")
        params: list[tuple[str, Type]] = []
        while not self.taken(")"):
            label = self.name()
            self.expect(":")
            params.append((label, self.type()))
            if not self.taken(","):
                self.expect(")")
                break
        result = self.type() if self.taken("->") else None
        self.expect(";")
        return WitFunction(tuple(params), result)

    def type(self) -> Type:
        word = self.take()
        if word in PRIMITIVES:
            return word
        if word not in ("list", "option", "tuple", "result"):
            if not word.removeprefix("%")[0].isalpha():
                raise UnreadableWit(f"expected a type, found {word!r}")
            return Named(word.removeprefix("%"))
        items: list[Type | None] = []
        if self.taken("<"):
            items.append(None if self.taken("_") else self.type())
            while self.taken(","):
                items.append(self.type())
            self.expect(">")
        if word == "result":
            items += [None] * (2 - len(items))
        return Compound(word, tuple(items))
