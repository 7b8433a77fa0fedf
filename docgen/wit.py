"""The page of the WIT package: its interfaces and worlds, with their comments."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docgen.markdown import block, code, link, page, table
from tarkpm.host.gate import ALWAYS

FOLDER = Path(__file__).parents[1] / "wit"
_ITEM = re.compile(
    r"^(?P<docs>(?:///[^\n]*\n)*)(?P<kind>interface|world) (?P<name>[\w-]+) \{\n(?P<body>.*?)^\}",
    re.MULTILINE | re.DOTALL,
)


class Item(NamedTuple):
    """An interface or a world."""

    kind: str
    name: str
    docs: str
    text: str


def items() -> list[Item]:
    """Return what the package declares, sorted by name."""
    found = (item for file in sorted(FOLDER.glob("*.wit")) for item in _read(file.read_text("utf-8")))
    return sorted(found, key=lambda item: item.name)


def _read(text: str) -> Iterator[Item]:
    for match in _ITEM.finditer(text):
        docs = " ".join(match["docs"].replace("///", " ").split()).rstrip(".")
        body = "\n".join(line.rstrip() for line in match["body"].splitlines())
        yield Item(
            match["kind"], match["name"], docs, f"{match['kind']} {match['name']} {{\n{body.rstrip()}\n}}"
        )


def render() -> str:
    """Return the page."""
    everything = items()
    worlds = [item for item in everything if item.kind == "world"]
    exported = {name for world in worlds for name in re.findall(r"export ([\w-]+);", world.text)}
    interfaces = [item for item in everything if item.kind == "interface"]
    imported = [item for item in interfaces if item.name not in exported]
    return page(
        "WIT interfaces",
        "`wit/*.wit`",
        _INTRODUCTION,
        "## What a plugin imports",
        table(("interface", "grant", "what it is"), map(_imported, imported)),
        *map(_section, imported),
        "## What a plugin exports",
        "One interface, that of its `type`.",
        table(("type", "world", "interface"), map(_world, worlds)),
        *(_section(item) for item in interfaces if item.name in exported),
        "## Worlds",
        "A world names what a toolchain generates bindings for. A plugin may import every interface of this page, "
        "also those that its world does not list.",
        *(block("wit", item.text) for item in worlds),
    )


_INTRODUCTION = (
    "The package `tark:plugin` is what a plugin and its host agree on. A component exports the interface of its type "
    "and imports nothing but the interfaces below and WASI 0.2. `tarkpm inspect plugin.wasm` shows which of them a "
    "file uses."
)


def _imported(item: Item) -> tuple[str, str, str]:
    grant = "always granted" if item.name in ALWAYS else code(item.name)
    return link(code(item.name), f"#{item.name}"), grant, f"{item.docs.partition('. ')[0]}."


def _world(item: Item) -> tuple[str, str, str]:
    kind = item.name.removesuffix("-world")
    return code(kind), code(item.name), link(code(f"{kind}-plugin"), f"#{kind}-plugin")


def _section(item: Item) -> str:
    return f"### {item.name}\n\n{item.docs}.\n\n{block('wit', item.text)}"
