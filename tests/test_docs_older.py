"""docs/sdk/older-abi.md names all there is of the older ABI, and nothing else."""

import re
from pathlib import Path

from tarkpm.host.worker.legacy_abi.abi import EXPORTS, IMPORTS, MAX_ENV, MAX_RESULT, MEMORY

PAGE = (Path(__file__).parents[1] / "docs" / "sdk" / "older-abi.md").read_text()


def rows(title: str) -> list[str]:
    """The first cells of the table with this heading."""
    table = PAGE.partition(f"| {title} |")[2].partition("\n\n")[0]
    return [line.split("|")[1] for line in table.splitlines()[2:]]


def test_every_export_has_its_row() -> None:
    named = {name for row in rows("older export") for name in re.findall(r"`(\w+)`", row)}
    assert named == (EXPORTS.keys() | {MEMORY}) - {"_initialize"}


def test_every_import_has_its_row() -> None:
    named = {}
    for row in rows("older import"):
        module, *functions = re.findall(r"`([\w:]+)`", row) or [""]
        named[module.removeprefix("tark:")] = set(functions)
    named.pop("")
    assert named == {module: set(functions) for module, functions in IMPORTS.items()}


def test_the_limits_are_those_of_the_program() -> None:
    assert f"{MAX_RESULT // 1024} KiB, for `env` {MAX_ENV} bytes" in PAGE
