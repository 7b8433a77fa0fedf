"""The generated pages: which there are, and whether they say what the program says."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docgen import commands, exit_codes, seeds, wit

ROOT: Final = Path(__file__).resolve().parents[1]
REFERENCE: Final = ROOT / "docs" / "reference"
SDK: Final = ROOT / "docs" / "sdk"
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands.render,
    "exit-codes.md": exit_codes.render,
    "wit.md": wit.render,
}


def current() -> dict[Path, str]:
    """Return what each page that is generated, in whole or in part, is to be."""
    whole = {REFERENCE / name: render() for name, render in PAGES.items()}
    partly = {file: seeds.filled(file.read_text("utf-8")) for file in sorted(SDK.glob("*.md"))}
    return whole | partly


def write() -> list[str]:
    """Write the pages; return the names of those that changed."""
    changed = []
    for file, text in current().items():
        if not file.is_file() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
            changed.append(str(file.relative_to(ROOT)))
    return changed
