"""The generated pages: which there are, and whether they say what the program says."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docgen import commands, exit_codes, wit

ROOT: Final = Path(__file__).resolve().parents[1]
REFERENCE: Final = ROOT / "docs" / "reference"
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands.render,
    "exit-codes.md": exit_codes.render,
    "wit.md": wit.render,
}


def write() -> list[str]:
    """Write the pages; return the names of those that changed."""
    REFERENCE.mkdir(exist_ok=True)
    changed = []
    for name, render in PAGES.items():
        file, text = REFERENCE / name, render()
        if not file.is_file() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
            changed.append(name)
    return changed
