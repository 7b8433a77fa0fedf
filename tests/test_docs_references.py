"""Every module and test that the reference pages name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("docs/architecture.md", "docs/trust-rules.md")
CODE = re.compile(r"`((?:[a-z_]+/)*[a-z_]+\.py)`")
FOLDERS = ("", "tarkpm", "tests/attacks")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    named = CODE.findall((ROOT / page).read_text())
    assert named
    missing = [name for name in named if not any((ROOT / folder / name).is_file() for folder in FOLDERS)]
    assert missing == []


def test_every_name_of_the_architecture_page_is_a_class() -> None:
    """The list of names is the one place a newcomer looks them up in."""
    page = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page.partition("## Names")[2], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    classes = {
        name
        for file in (ROOT / "tarkpm").rglob("*.py")
        for name in re.findall(r"^class (\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 20
    assert named <= classes, named - classes


def test_no_public_class_has_two_homes() -> None:
    """A name in a traceback or a review names one thing."""
    homes: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tarkpm").rglob("*.py")):
        for name in re.findall(r"^class ([A-Z]\w+)", file.read_text(), re.MULTILINE):
            homes.setdefault(name, []).append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
