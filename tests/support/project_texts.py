"""Any tark.toml: any layout, comments everywhere, any quoting, any line end."""

import functools
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import strategies as st

from tarkpm.core.key import PublicKey, from_bytes
from tarkpm.core.project import IndexEntry
from tarkpm.core.release import PluginName

KEYS: list[PublicKey] = [from_bytes(bytes([number]) * 31 + b"\x10") for number in (3, 7, 9)]
COMMUNITY = IndexEntry(PluginName("community"), "https://index.example/tark", "sha256:" + "a" * 64)
NAMES = list(map(PluginName, ("a", "b-c", "d_e")))

GRANTS = st.fixed_dictionaries(
    {},
    optional={
        "storage": st.booleans(),
        "shell": st.booleans(),
        "http": st.lists(
            st.sampled_from(["A.example", "b.example:443", "*.c.example", "x.c.example"]), unique=True
        ),
        "env": st.lists(st.sampled_from(["B_*", "A"]), unique=True),
    },
)
DIRECT = st.sampled_from(
    [
        {"path": "../x#y"},
        {"path": "./z"},
        {"git": "https://h.example/x", "tag": "v1"},
        {"git": "https://h.example/x", "tag": "v2", "path": "p"},
        {"git": "https://H.example/x", "branch": "main", "unsigned": True},
        {"git": "https://h.example/x", "unsigned": False},
    ]
)
INDEXED = st.sampled_from(["^1.2", {"index": "community", "version": ">=1,<3"}, {"index": "community"}])

BOOLEANS = st.booleans()
WANTED = st.lists(st.sampled_from(NAMES), unique=True)
TRUSTED = st.lists(st.sampled_from(KEYS), unique=True)
ANY = DIRECT | INDEXED

About = tuple[str, ...]
"""The path of the value a line is about; () for a line that no edit may change."""
Lines = list[tuple[About, str]]


@dataclass
class Text:
    """A generated tark.toml, with what each line is about."""

    lines: Lines
    ending: str
    mark: str
    final: bool

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        text = self.ending.join(line for _, line in self.lines)
        return (self.mark + text + (self.ending if self.final and text else "")).encode()


@functools.cache
def one_of(*texts: str) -> st.SearchStrategy[str]:
    """A strategy for one of these texts, made once: to make one costs several times what it costs to draw."""
    return st.sampled_from(texts)


@dataclass
class Writer:
    """Writes sections as somebody might have: every choice is drawn."""

    draw: st.DrawFn
    root: Lines = field(default_factory=list)
    tables: list[Lines] = field(default_factory=list)
    numbers: Any = field(default_factory=count)

    def maybe(self) -> bool:
        return self.draw(BOOLEANS)

    def comment(self) -> str:
        """Return a comment that is nowhere else, or nothing."""
        return f"  # c{next(self.numbers)}" if self.maybe() else ""

    def between(self, about: About = ()) -> Lines:
        kind = self.draw(one_of("", "", "blank", "comment"))
        if kind == "comment":
            return [(about, f"# c{next(self.numbers)}")]
        return [((), "")] if kind else []

    def string(self, value: str) -> str:
        return f"'{value}'" if self.maybe() else f'"{value}"'

    def inline(self, value: Any) -> str:
        if isinstance(value, dict):
            pairs = ", ".join(f"{key} = {self.inline(one)}" for key, one in value.items())
            return self.draw(one_of("{ %s }", "{%s}")) % pairs
        if isinstance(value, list):
            return "[" + self.draw(one_of(", ", ",")).join(map(self.string, value)) + "]"
        return self.string(value) if isinstance(value, str) else str(value).lower()

    def value(self, value: Any) -> list[str]:
        if not isinstance(value, list) or not value or self.maybe():
            return [self.inline(value)]
        lines = [f"    {self.string(one)},{self.comment()}" for one in value[:-1]]
        last = f"    {self.string(value[-1])}{self.draw(one_of(',', ''))}{self.comment()}"
        return ["[" + self.comment(), *lines, last, "]"]

    def pair(self, about: About, key: str, value: Any) -> Lines:
        first, *rest = self.value(value)
        *rest, last = [f"{key}{self.draw(one_of(' = ', '='))}{first}", *rest]
        return [*((about, line) for line in rest), (about, last + self.comment())]

    def section(self, key: str, entries: dict[str, Any]) -> None:
        """Write a table of the document in one of the ways TOML has."""
        match self.draw(one_of("pairs", "pairs", "blocks", "dotted", "inline")):
            case "inline" if entries:
                self.root += [
                    ((key, "*"), f"{key} = {self.inline(entries)}{self.comment()}"),
                    *self.between(),
                ]
            case "dotted":
                for name, one in entries.items():
                    self.dotted(key, name, one)
            case layout:
                self.headed(key, entries, blocks=layout == "blocks")

    def dotted(self, key: str, name: str, value: Any) -> None:
        if isinstance(value, dict) and value and self.maybe():
            for part, one in value.items():
                self.root += self.pair((key, name, part), f'{key}."{name}".{part}', one) + self.between()
        else:
            self.root += self.pair((key, name), f"{key} . {name}", value) + self.between()

    def headed(self, key: str, entries: dict[str, Any], *, blocks: bool) -> None:
        table = [((key, "[]"), f"[{key}]{self.comment()}"), *self.between()]
        below: list[Lines] = []
        for name, one in entries.items():
            if blocks and isinstance(one, dict):
                below.append(self.block(key, name, one))
            else:
                quoted = f'"{name}"' if self.maybe() else name
                table += self.pair((key, name), quoted, one) + self.between()
        holds_pairs = any(about and about[-1] != "[]" for about, _ in table)
        if holds_pairs or (entries and not (below and self.maybe())):
            self.tables.append(table)
        self.tables += below

    def block(self, key: str, name: str, value: dict[str, Any]) -> Lines:
        lines: Lines = [((key, name, "[]"), f"[{key}.{name}]{self.comment()}")]
        for number, (part, one) in enumerate(value.items()):
            # what is between a block's pairs goes with the block
            lines += self.between((key, name, "inside")) if number else []
            lines += self.pair((key, name, part), part, one)
        return lines + self.between()


@st.composite
def texts(draw: st.DrawFn) -> Text:
    """Any tark.toml."""
    writer = Writer(draw)
    wanted = draw(WANTED)
    indexed = draw(BOOLEANS)
    if draw(BOOLEANS):
        version = f'version = "0.12.6"{writer.comment()}'
        writer.tables.append([((), f"[tark]{writer.comment()}"), ((), version), *writer.between()])
    writer.section("plugins", {name: draw(ANY if indexed else DIRECT) for name in wanted})
    writer.section("trust", {name: draw(TRUSTED) for name in wanted if draw(BOOLEANS)})
    writer.section("grants", {name: draw(GRANTS) for name in NAMES if draw(BOOLEANS)})
    if indexed:
        writer.section("index", {COMMUNITY.name: {"url": COMMUNITY.url, "root": COMMUNITY.root}})
    # keys of the document itself come before the first header
    lines = writer.root + [line for table in draw(st.permutations(writer.tables)) for line in table]
    ending, mark = draw(one_of("\n", "\r\n")), draw(one_of("", "\ufeff"))
    return Text(lines, ending, mark, draw(BOOLEANS))
